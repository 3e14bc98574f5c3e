"""One person's data in the store: every place is known, export tells all, erasure leaves figures only."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cti.config import PrivacySettings, Settings
from cti.domain.consent import Purpose
from cti.domain.phone import parse
from cti.errors import UsageError
from cti.store import repos
from cti.store.db import Database
from cti.store.migrations import all_tables
from cti.store.outreach_rules import outreach_rules
from cti.store.privacy import erase, expire
from cti.store.repos import consents, ivr, personal
from cti.store.repos import outbox as events
from cti.store.repos.commands import apply_command
from cti.store.repos.customers import Given, upsert_customers
from cti.store.repos.orders import upsert_ledger
from cti.store.repos.outreach_greetings import birthdays
from cti.store.repos.points import add_points
from cti.store.repos.waybills import GivenWaybill, upsert_waybills
from cti.store.tables import audit, complaint_events, complaints, contacts, customers, orders, pops
from cti.store.tables_control import call_commands
from cti.store.tables_links import outbox
from cti.store.tables_quality import recordings, scores, transcripts
from cti.store.tables_tiers import points_ledger
from screenpop.ledger_sql import apply

NOW = datetime.now(UTC)
PLAN = personal.Plan()
NUMBER, OTHER, SHARED, THIRD = "13800138000", "13900139000", "13700137000", "13600136000"
SECRETS = ("王小明", NUMBER, "福田区深南路", "我要投诉王经理", "冷链")


def _given(code: str, name: str, *numbers: str) -> Given:
    rows = [
        {"key": f"mobile:{n}", "suffix": n[-8:], "display": n, "label": "", "extension": "", "contact": ""}
        for n in numbers
    ]
    values = {"code": code, "kind": "person", "name": name, "address": "福田区深南路1号", "note": "冷链"}
    return Given(values, {"monthly_revenue": 9.0}, (), rows)


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    """A store with two customers and everything that a customer leaves behind."""
    folder = tmp_path / "sound"
    folder.mkdir()
    for name in ("u1-agent.wav", "u1-caller.wav", "ivr-1.wav", "u2-agent.wav"):
        (folder / name).write_bytes(b"RIFF")
    with database.begin() as conn:
        two = [_given("C1", "王小明", NUMBER, SHARED), _given("C2", "刘芳", OTHER, SHARED)]
        upsert_customers(conn, two, now=NOW, scheme=None, source="import")
        ids = dict(conn.execute(sa.select(customers.c.code, customers.c.id)).tuples().all())
        one = ids["C1"]
        order = {"number": "D1", "at": NOW, "amount_fen": 900, "pieces": 2}
        upsert_ledger(conn, "orders", [("C1", order)], source="import")
        add_points(conn, one, 10, at=NOW, reason="下单", who="x")
        parcel = {
            "number": "SF1234567890",
            "state": "signed",
            "sender_name": "王小明",
            "receiver_name": "刘芳",
        }
        parcel |= {"sender_key": f"mobile:{NUMBER}", "sender_display": NUMBER, "updated_at": NOW}
        scan = {"at": NOW, "state": "signed", "place": "深圳", "text": "王小明 签收"}
        upsert_waybills(conn, [GivenWaybill(parcel, [scan], "C1", "C2")], now=NOW, source="import")
        who = {"customer_id": one, "number_key": f"mobile:{NUMBER}", "number_display": NUMBER}
        made = repos.add_complaint(
            conn,
            category="延误",
            summary="我要投诉王经理",
            opened_at=NOW,
            opened_by="a",
            caller_name="王小明",
            **who,
        )
        repos.edit_complaint(conn, made, version=1, who="a", at=NOW, detail="王小明很生气")
        call = {"node": "pbx1", "linkedid": "1.1", "agent": "1001"}
        repos.add_contact(conn, at=NOW, channel="call", note="冷链", talk_s=60.0, **who, **call)
        repos.add_pop(
            conn,
            id="p1",
            pbx_at=NOW,
            note="冷链",
            closed_at=NOW,
            snapshot={"call": {"number": NUMBER}},
            **who,
            **call,
        )
        pressed = {"node": "pbx1", "agent": "1001", "username": "a", "situation": "talking", "state": "done"}
        pressed |= {"pop_id": "p1", "command": "blind", "asked_at": NOW.isoformat(), "code": ""}
        for id_, of, to in (("c1", "1.1", THIRD), ("c2", "9.9", NUMBER), ("c3", "9.9", OTHER)):
            record = {**pressed, "id": id_, "linkedid": of, "target": f"number:{to}"}
            apply_command(conn, {**record, "done_at": NOW.isoformat()})
        for uid, key, state in (("u1", NUMBER, "ended"), ("u2", OTHER, "ended")):
            row = {
                "id": uid,
                "node": "pbx1",
                "linkedid": uid,
                "uniqueid": uid,
                "agent": "1001",
                "state": state,
            }
            row |= {"number_key": f"mobile:{key}", "number_display": key, "started_at": NOW, "ended_at": NOW}
            row |= {"agent_file": f"{uid}-agent.wav", "caller_file": f"{uid}-caller.wav"}
            conn.execute(sa.insert(recordings).values(row))
            text = {"turns": [{"text": "我要投诉王经理"}]}
            conn.execute(sa.insert(transcripts).values(recording_id=uid, engine="w", at=NOW, body=text))
            verdict = {"rule": "R1", "verdict": "pass", "evidence": [{"text": "冷链"}]}
            of = {"recording_id": uid, "engine": "w", "rules_version": "1", "at": NOW, "score": 91.0}
            conn.execute(sa.insert(scores).values(**of, decided=1.0, verdicts=[verdict]))
        ivr.add_request(conn, kind="suggestion", number_key=f"mobile:{NUMBER}", at=NOW, recording_id="ivr-1")
        wish = {"number_display": NUMBER, "queue": "q", "waiting_since": NOW}
        ivr.request_callback(conn, number_key=f"mobile:{NUMBER}", requested_at=NOW, **wish)
        consents.say(conn, one, Purpose.MARKETING, given=False, at=NOW, who="a")
    return Settings(recording={"directory": folder}, store={"url": "sqlite:///unused.db"})


def _dump(database: Database) -> str:
    """Everything that is in the store, but for the append-only log and what belongs to others."""
    told: list[Any] = []
    with database.begin(write=False) as conn:
        for table in all_tables().sorted_tables:
            told += [str(dict(r)) for r in conn.execute(sa.select(table)).mappings()]
    return "\n".join(told)


def test_every_table_with_a_person_is_known() -> None:
    """A table with a customer or a number is in the table of places, or kept for a stated reason."""
    known = {p.table.name for p in personal.PLACES} | set(personal.KEPT)
    for table in all_tables().sorted_tables:
        marks = ("customer_id", "number_key", "number_display", "sender_key", "peer_key", "birthday")
        if any(name == c.name or c.name.endswith("_customer_id") for c in table.c for name in marks):
            assert table.name in known, table.name


def test_export_tells_everything_of_one_person_and_nothing_of_others(
    database: Database, settings: Settings
) -> None:
    """The export holds every row of the person and the names of the sound files; another customer's none."""
    with database.begin(write=False) as conn:
        told = personal.export_person(conn, personal.find_person(conn, NUMBER, PLAN))
        with pytest.raises(UsageError, match="several"):
            personal.find_person(conn, SHARED, PLAN)
        with pytest.raises(UsageError):
            personal.find_person(conn, "C404", PLAN)
    text = json.dumps(told, ensure_ascii=False)
    assert all(secret in text for secret in SECRETS)
    assert OTHER not in text
    assert told["声音文件"] == ["u1-agent.wav", "u1-caller.wav", "u1.wav", "ivr-1.wav"]
    filled = {label for label, rows in told.items() if rows}
    assert {"客户资料", "号码", "投诉", "投诉经过", "弹屏台账", "转写文字", "回呼", "订单", "授权"} <= filled


def test_erasure_leaves_figures_and_nothing_of_the_person(database: Database, settings: Settings) -> None:
    """Rows and sums stay, words, numbers, sound and text go; the other customer keeps everything."""
    customer, counts = erase(database, settings, "C1", PLAN, at=NOW, who="root")
    assert (counts["声音文件"], counts["投诉"]) == (4, 1)
    left = _dump(database)
    for secret in ("王小明", NUMBER, "投诉王经理", "很生气"):
        assert left.count(secret) == (1 if secret == "投诉王经理" else 0), secret  # that of the other's call
    assert sorted(p.name for p in settings.recordings.iterdir()) == ["u2-agent.wav"]
    with database.begin(write=False) as conn:
        row = conn.execute(sa.select(customers).where(customers.c.id == customer)).mappings().one()
        assert (row["name"], row["source"]) == ("已删除客户", "erased")
        assert conn.execute(sa.select(sa.func.sum(orders.c.amount_fen))).scalar() == 900
        assert conn.execute(sa.select(sa.func.sum(points_ledger.c.delta))).scalar() == 10
        assert conn.execute(sa.select(contacts.c.talk_s, contacts.c.number_key)).all() == [(60.0, "")]
        complaint = conn.execute(sa.select(complaints)).mappings().one()
        assert (complaint["category"], complaint["customer_id"]) == ("延误", None)
        steps = conn.execute(sa.select(complaint_events.c.action, complaint_events.c.note)).all()
        assert [tuple(s) for s in steps] == [("open", ""), ("edit", "")]
        mine = conn.execute(sa.select(scores).where(scores.c.recording_id == "u1")).mappings().one()
        assert (mine["score"], mine["verdicts"][0]["evidence"]) == (91.0, [])
        assert repos.find_by_number(conn, parse(NUMBER), now=NOW).customer is None
        assert repos.find_by_id(conn, customer or 0, now=NOW).customer is None
        assert repos.search(conn, "王小明", plan=PLAN) == []
        assert not ivr.has_callback(conn, None)
        pressed = conn.execute(sa.select(call_commands.c.target).order_by(call_commands.c.id)).scalars()
        # dialled in the call; the own one, dialled in another's; and what is another's in both stays
        assert list(pressed) == ["number:", "number:", f"number:{OTHER}"]
        told = conn.execute(sa.select(outbox.c.kind)).scalars().all()
        assert "customer.erased" in told
        entry = next(e for e in repos.list_audit(conn) if e["action"] == "erase")
        assert (entry["who"], entry["subject"], entry["detail"]["投诉"]) == (
            "root",
            f"customer:{customer}",
            1,
        )
    with pytest.raises(UsageError):
        erase(database, settings, "C1", PLAN, at=NOW, who="root")


def test_the_journal_does_not_bring_back_who_was_erased(database: Database, settings: Settings) -> None:
    """Records of a call that went on during the erasure lose the person; no fault, nothing re-created."""
    began = (NOW - timedelta(seconds=30)).isoformat()
    customer, _ = erase(database, settings, "C1", PLAN, at=NOW, who="root")
    ids = {"node": "pbx1", "linkedid": "2.2", "agent": "1002"}
    who = {"customer_id": customer, "number_key": f"mobile:{NUMBER}", "number_display": NUMBER}
    snapshot = {"seq": 1, "call": {"number": NUMBER, "name": "王小明", "context": {"waybill": "1"}}}
    batch = [
        {
            "op": "pop",
            "id": "p2",
            "set": {**ids, "pbx_at": began, **who, "note": "冷链", "snapshot": snapshot},
        },
        {
            "op": "contact",
            "set": {
                **ids,
                "pop_id": "p2",
                "at": began,
                "channel": "call",
                "note": "冷链",
                "ivr": {"a": "b"},
                **who,
            },
        },
    ]
    with database.begin() as conn:
        apply(conn, batch)
        apply(conn, batch)
        pop = conn.execute(sa.select(pops).where(pops.c.id == "p2")).mappings().one()
        contact = conn.execute(sa.select(contacts).where(contacts.c.pop_id == "p2")).mappings().one()
    for row in (pop, contact):
        assert (row["customer_id"], row["number_key"], row["note"]) == (None, "", "")
    assert "王小明" not in str(dict(pop))
    assert contact["ivr"] == {}


def test_consent_by_purpose_and_the_last_word_counts(database: Database, settings: Settings) -> None:
    """A refusal holds until the customer agrees again; each word is kept with who wrote it down."""
    with database.begin() as conn:
        one = conn.execute(sa.select(customers.c.id).where(customers.c.code == "C1")).scalar_one()
        two = conn.execute(sa.select(customers.c.id).where(customers.c.code == "C2")).scalar_one()
        assert not consents.may(conn, one, Purpose.MARKETING)
        assert consents.may(conn, one, Purpose.CALL_BACK)
        assert consents.refused(conn, [one, two], Purpose.MARKETING) == {one}
        consents.say(conn, one, Purpose.MARKETING, given=True, at=NOW + timedelta(1), who="b", source="书面")
        assert consents.refused(conn, [one, two], Purpose.MARKETING) == set()
        assert [(h["given"], h["who"]) for h in consents.history(conn, one)] == [(True, "b"), (False, "a")]
        with pytest.raises(UsageError):
            consents.say(conn, 999, Purpose.MARKETING, given=True, at=NOW, who="b")


def test_what_is_past_its_days_goes_and_can_be_counted_first(database: Database, settings: Settings) -> None:
    """A dry run changes nothing and tells the same counts; the audit log says what went."""
    later = NOW + timedelta(days=200)
    own = settings.model_copy(
        update={
            "privacy": PrivacySettings(transcripts_days=180, contacts_days=100, audit_days=150, menu_days=0)
        }
    )
    with database.begin() as conn:
        events.sort(conn, now=NOW, most_waiting=9)  # the newest stays: the count goes on from it
    before = _dump(database)
    counted = expire(database, own, now=later, who="cli", dry_run=True)
    assert _dump(database) == before
    assert {k: n for k, n in counted.items() if n} == {
        "转写文字": 2,
        "联系历史": 1,
        "弹屏台账": 1,
        "转接的号码": 3,
        "对外事件": 1,
        "审计": 2,
    }
    assert expire(database, own, now=later, who="cli") == counted
    with database.begin() as conn:
        assert conn.execute(sa.select(contacts.c.talk_s, contacts.c.note)).all() == [(60.0, "")]
        entries = [(e["action"], e["detail"].get("转写文字")) for e in repos.list_audit(conn)]
        assert entries == [("expire", 2)]
    assert not any(expire(database, own, now=later, who="cli").values())


def test_the_audit_log_is_only_added_to(database: Database) -> None:
    """No entry is changed, none goes before its days, and that days were counted stays written down."""
    with database.begin() as conn:
        repos.add_audit(
            conn, at=NOW, who="a", action="reveal", detail={"number": NUMBER, "x": [f"打{NUMBER}"]}
        )
    for statement in (sa.update(audit).values(who="b"), sa.delete(audit)):
        with pytest.raises(sa.exc.DatabaseError), database.begin() as conn:
            conn.execute(statement)
    with database.begin(write=False) as conn:
        (entry,) = repos.list_audit(conn)
    assert entry["who"] == "a"
    assert NUMBER not in str(entry["detail"])


def test_who_refused_marketing_is_not_greeted(database: Database, settings: Settings) -> None:
    """A birthday is greeted unless the customer refused greetings and offers; the last word counts."""
    own = outreach_rules(settings)
    day = NOW.astimezone(own.zone).date()
    with database.begin() as conn:
        conn.execute(sa.update(customers).values(birthday=day))
        ids = dict(conn.execute(sa.select(customers.c.code, customers.c.id)).tuples().all())
        assert [row["customer_id"] for row in birthdays(conn, own, day)] == [ids["C2"]]
        later = NOW + timedelta(days=1)
        consents.say(conn, ids["C1"], Purpose.MARKETING, given=True, at=later, who="a", source="书面")
        assert [row["customer_id"] for row in birthdays(conn, own, day)] == [ids["C1"], ids["C2"]]
