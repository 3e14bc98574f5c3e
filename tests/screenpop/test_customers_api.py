"""Customers over HTTP: list, the record that two people edit, contacts, statistics, the caller's message."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import openpyxl
import sqlalchemy as sa

from cti.store import repos
from cti.store.repos.commands import apply_command
from cti.store.repos.ivr import add_ivr_contact, save_score
from cti.store.tables import complaints, customers
from cti.store.tables_quality import recordings, reviews
from tests.plugins.screenpop import LIU, SHARED, WANG, PopLine

KEY = f"mobile:{WANG}"


async def _id(line: PopLine, code: str) -> int:
    query = sa.select(customers.c.id).where(customers.c.code == code)
    return int(await line.parts.ctx.db.run(lambda c: c.execute(query).scalar_one()))


async def _version(line: PopLine, cid: int) -> int:
    _, found = await line.api("GET", f"/customers/{cid}", user="boss")
    return int(found["record"]["version"])


async def test_the_list_is_filtered_paged_and_masked(popline: PopLine) -> None:
    """Filters by tier and words, pages by key, numbers hidden from agents and whole for supervisors."""
    _, found = await popline.api("GET", "/customers?sort=code&limit=2", user="a1001")
    assert [i["code"] for i in found["items"]] == ["C1", "C2"]
    assert (found["total"], found["more"], found["before"]) == (3, False, "")
    assert found["items"][0]["number"] == "138****8000"
    after = f"/customers?sort=code&limit=2&after={found['after']}"
    _, second = await popline.api("GET", after, user="boss")
    assert [(i["code"], i["number"]) for i in second["items"]] == [("C3", "137 0013 7000")]
    _, first = await popline.api(
        "GET", f"/customers?sort=code&limit=2&before={second['before']}", user="boss"
    )
    assert [i["code"] for i in first["items"]] == ["C1", "C2"]
    for query, codes in (
        ("tier=vip", ["C1"]),
        ("scheme=sf&tier=mid", ["C3"]),
        ("scheme=abcd&tier=A", []),
        (f"q={SHARED}", ["C2", "C3"]),
        ("q=SF1234567890", ["C1"]),
        (f"q={LIU}", []),
    ):
        _, found = await popline.api("GET", f"/customers?sort=code&{query}", user="qa")
        assert [i["code"] for i in found["items"]] == codes, query
    status, bad = await popline.api("GET", "/customers?after=nonsense", user="boss")
    assert (status, bad["error"]["code"]) == (400, "bad_place")
    _, choices = await popline.api("GET", "/customers/choices", user="a1001")
    assert [s["scheme"] for s in choices["schemes"] if s["active"]] == ["sf"]
    assert "国际货代" in choices["services"]


async def test_two_people_edit_one_customer(popline: PopLine) -> None:
    """The second is shown what the first one changed and keeps what was typed; both edits are on record."""
    cid = await _id(popline, "C1")
    version = await _version(popline, cid)
    path = f"/customers/{cid}"
    body: dict[str, Any] = {"version": version, "fields": {"address": "深圳市南山区", "occupation": "店主"}}
    assert (await popline.api("PATCH", path, user="a1001", body=body))[0] == 200
    late = {"version": version, "fields": {"address": "广州", "hobbies": "登山"}}
    status, told = await popline.api("PATCH", path, user="a1002", body=late)
    assert (status, told["error"]["code"]) == (409, "changed_meanwhile")
    detail = told["error"]["detail"]
    (change,) = detail["changes"]
    assert (change["who"], change["changes"]["address"]) == ("a1001", ["", "深圳市南山区"])
    assert detail["now"]["address"] == "深圳市南山区"
    again = {"version": detail["version"], "fields": {"hobbies": "登山"}}
    assert (await popline.api("PATCH", path, user="a1002", body=again))[0] == 200
    _, found = await popline.api("GET", path, user="boss")
    record = found["record"]
    assert (found["customer"]["address"], record["occupation"], record["hobbies"]) == (
        "深圳市南山区",
        "店主",
        "登山",
    )
    _, history = await popline.api("GET", f"{path}/changes", user="a1001")
    assert [c["who"] for c in history["items"]] == ["a1002", "a1001"]


async def test_who_may_edit_what(popline: PopLine) -> None:
    """The QA desk edits nothing, agents not whom the routing prefers; a wrong number undoes the edit."""
    cid = await _id(popline, "C1")
    version = await _version(popline, cid)
    path = f"/customers/{cid}"

    async def put(user: str, **body: Any) -> tuple[int, Any]:
        return await popline.api("PATCH", path, user=user, body={"version": version, **body})

    assert (await put("qa", fields={"address": "x"}))[0] == 403
    assert (await put("a1001", fields={"representative": "1001"}))[0] == 403
    status, bad = await put("a1001", fields={"address": "x"}, add_numbers=[{"number": "10086"}])
    assert (status, bad["error"]["detail"]) == (422, {"number": "10086", "why": "invalid"})
    assert (await put("a1001", people=[{"name": "甲", "age": 200}]))[0] == 422
    assert (await put("a1001", fields={"services": ["外星"]}))[0] == 422
    assert await _version(popline, cid) == version
    status, done = await put(
        "boss",
        fields={"representative": "1001", "green_channel": True, "services": ["国际", "同城"]},
        add_numbers=[{"number": "010-88886666", "label": "办公室"}],
    )
    assert (status, done) == (200, {"version": version + 1})
    _, found = await popline.api("GET", path, user="a1001")
    assert found["record"]["services"] == ["同城", "国际"]
    assert [n["display"] for n in found["numbers"]] == ["138****8000", "010-****6666"]
    _, hits = await popline.api("GET", "/search?q=010-88886666", user="a1001")
    assert hits["items"][0]["customer"]["id"] == cid


async def _history(line: PopLine) -> int:
    """王小明's call with a recording that was scored and not yet published; the id of its contact."""
    now, cid = datetime.now(UTC), await _id(line, "C1")
    call: dict[str, Any] = {"node": "pbx1", "linkedid": "9.1"}

    def write(conn: sa.Connection) -> int:
        told = {"agent": "1001", "summary": "催件 13800138000", "direction": "inbound", "customer_id": cid}
        made = repos.add_contact(conn, at=now, channel="call", **told, **call)
        part = {"id": "rec1", "uniqueid": "9.2", "number_key": KEY, "agent": "1001", "state": "ended", **call}
        conn.execute(sa.insert(recordings).values(started_at=now, **part))
        review = {"recording_id": "rec1", "state": "auto_scored", "auto_score": 71.0}
        conn.execute(sa.insert(reviews).values(created_at=now, updated_at=now, **review))
        given = {"pop_id": "p9", "situation": "talking", "state": "done", "code": "", **call}
        given |= {"asked_at": now.isoformat(), "done_at": now.isoformat()}
        for agent, command, to in (("1001", "blind", "number:13900139000"), ("1002", "hangup", "")):
            who = {"id": command, "agent": agent, "username": f"a{agent}", "command": command, "target": to}
            apply_command(conn, {**given, **who})
        save_score(conn, at=now, score=5, agent="1001", number_key=KEY, **call)
        repos.add_complaint(
            conn,
            category="延误",
            summary="晚到",
            opened_at=now,
            opened_by="a1001",
            customer_id=cid,
            **call,
        )
        return made

    return await line.parts.ctx.db.write(write)


async def test_time_line_and_contact_show_what_each_may_see(popline: PopLine) -> None:
    """domain.md §1: one base — every desk sees one line; scores stay with the QA desk until published."""
    contact, cid = await _history(popline), await _id(popline, "C1")
    _, seen = await popline.api("GET", f"/customers/{cid}/timeline", user="qa")
    kinds = {i["kind"]: i for i in seen["items"]}
    assert {"call", "score", "survey", "complaint", "waybill", "tier"} <= kinds.keys()
    assert (kinds["score"]["ref"], kinds["survey"]["ref"]) == ("rec1", str(contact))
    _, own = await popline.api("GET", f"/customers/{cid}/timeline", user="a1001")
    assert "score" not in {i["kind"] for i in own["items"]}
    assert "138****8000" in next(i["title"] for i in own["items"] if i["kind"] == "call")
    _, only = await popline.api("GET", f"/customers/{cid}/timeline?kind=complaint", user="a1001")
    assert [i["kind"] for i in only["items"]] == ["complaint"]
    _, whole = await popline.api("GET", f"/contacts/{contact}", user="a1001")
    assert (whole["customer_name"], whole["summary"]) == ("王小明", "催件 138****8000")
    assert [(r["id"], r["open"]) for r in whole["recordings"]] == [("rec1", False)]
    assert len(whole["complaints"]) == 1
    (mine,) = whole["pressed"]
    assert (mine["label"], mine["target"]) == ("转接", "number:139****9000")
    _, whole = await popline.api("GET", f"/contacts/{contact}", user="boss")
    assert [(p["username"], p["command"]) for p in whole["pressed"]] == [
        ("a1001", "blind"),
        ("a1002", "hangup"),
    ]
    _, whole = await popline.api("GET", f"/contacts/{contact}", user="qa")
    assert whole["recordings"][0]["open"] is True
    assert (await popline.api("GET", "/contacts/999", user="qa"))[0] == 404


async def test_statistics_of_days_and_their_workbook(popline: PopLine) -> None:
    """Everything the page draws in one answer, for supervisors and QA leads; the export is logged."""
    await _history(popline)
    now = datetime.now(UTC)
    await popline.parts.ctx.db.write(
        lambda c: add_ivr_contact(c, number_key=KEY, at=now, ended_at=now, path="查件>输入运单")
    )
    assert (await popline.api("GET", "/statistics", user="a1001"))[0] == 403
    assert (await popline.api("GET", "/statistics?first=2025-03-02&last=2025-03-01", user="boss"))[0] == 422
    status, f = await popline.api("GET", "/statistics", user="qa")
    assert status == 200
    assert (datetime.fromisoformat(f["last"]) - datetime.fromisoformat(f["first"])).days == 29
    assert {t["label"]: t["customers"] for t in f["tiers"]["tiers"]}["未定级"] == 3
    assert [(a["name"], a["waiting"]) for a in f["complaints"]["answers"]] == [("延误", 1)]
    assert f["satisfaction"]["scores"] == [0, 0, 0, 0, 1]
    assert (f["self_service"]["served"], f["self_service"]["to_person"]) == (1, 1)
    assert f["self_service"]["uses"] == [{"name": "查件", "count": 1}]
    headers = {"Authorization": f"Bearer {await popline.token('boss')}"}
    async with popline.http.get(f"{popline.base}/api/v1/statistics/export.xlsx", headers=headers) as answer:
        book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
    assert {"等级", "投诉因素比例", "滞留原因比例", "满意度", "自助", "按日"} <= set(book.sheetnames)
    assert [c.value for c in book["满意度"]["B"]] == ["次数", 0, 0, 0, 0, 1]
    audit = await popline.parts.ctx.db.run(repos.list_audit)
    assert (audit[0]["action"], audit[0]["subject"], audit[0]["who"]) == ("export", "statistics", "boss")


async def test_the_callers_message_is_heard_by_those_who_may(
    start_popline: Callable[..., Any], seeded_url: str, tmp_path: Path
) -> None:
    """domain.md §5: record — the caller's message is played in ranges, each hearing is in the audit once."""
    folder = tmp_path / "spool" / "monitor"
    folder.mkdir(parents=True)
    popline: PopLine = await start_popline(seeded_url, asterisk={"directory": tmp_path})
    sound = b"RIFF" + bytes(range(256)) * 8
    (folder / "ivr-1700000000.1-1.wav").write_bytes(sound)
    now = datetime.now(UTC)

    def write(conn: sa.Connection) -> list[int]:
        same = {"category": "破损", "opened_at": now, "opened_by": "ivr", "channel": "ivr"}
        made = [
            repos.add_complaint(conn, summary="留言", recording_id=name, **same)
            for name in ("ivr-1700000000.1-1", "ivr-1700000000.1-2", "../../etc/passwd")
        ]
        first = sa.update(complaints).where(complaints.c.id == made[0])
        conn.execute(first.values(owner="a1002"))
        return made

    one, missing, hostile = await popline.parts.ctx.db.write(write)

    async def hear(user: str, complaint: int, **headers: str) -> aiohttp.ClientResponse:
        headers |= {"Authorization": f"Bearer {await popline.token(user)}"}
        url = f"{popline.base}/api/v1/complaints/{complaint}/voice"
        answer = await popline.http.get(url, headers=headers)
        await answer.read()
        return answer

    heard = await hear("a1002", one)
    assert (heard.status, await heard.read()) == (200, sound)
    part = await hear("a1002", one, Range="bytes=4-7")
    assert (part.status, await part.read()) == (206, sound[4:8])
    assert (await hear("a1001", one)).status == 403
    assert (await hear("boss", one)).status == 200
    assert (await hear("boss", missing)).status == 404
    assert (await hear("boss", hostile)).status == 404
    listened = await popline.parts.ctx.db.run(repos.list_audit)
    told = [(e["who"], e["subject"]) for e in listened if e["action"] == "listen"]
    assert sorted(told) == [("a1002", f"complaint:{one}"), ("boss", f"complaint:{one}")]
    _, whole = await popline.api("GET", f"/complaints/{one}", user="a1001")
    assert (whole["voice_message"], whole["voice_open"]) == (True, False)
    assert listened[0]["at"] - now < timedelta(minutes=5)
