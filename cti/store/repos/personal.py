"""Where a person is in the store, as one table: what is exported of a person and what an erasure leaves.

`Place.blank` tells what stays of a row without the person, so that counts and sums do not change; None: the
row goes. A test holds that every table with a customer or a number is here or in KEPT, with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.phone import Plan, parse
from cti.errors import UsageError
from cti.store import tables as t
from cti.store.tables_care import problem_items
from cti.store.tables_customers import customer_changes
from cti.store.tables_ivr import callbacks, ivr_requests, surveys
from cti.store.tables_links import consents
from cti.store.tables_outreach import dial_attempts, outreach_tasks
from cti.store.tables_quality import recordings, scores, transcripts
from cti.store.tables_tiers import customer_metrics, customer_tiers, payments, points_ledger, retention_steps

GONE = "（已删除）"
ERASED = "erased"  # customers.source of a row without its person
KEPT: Mapping[str, str] = {
    "points_ledger": "积分流水：只增不改，随无名客户保留",
    "tier_history": "等级变更：随无名客户保留",
    "customer_tiers": "等级：随无名客户保留",
    "customer_metrics": "指标：随无名客户保留",
    "orders": "订单：随无名客户保留",
    "payments": "付款：随无名客户保留",
    "erasures": "删除记录本身",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is about: a customer, or numbers that are no customer's. `keys` are nobody else's."""

    customer: RowMapping | None
    keys: tuple[str, ...]

    @property
    def id(self) -> int | None:
        return None if self.customer is None else int(self.customer["id"])


@dataclass(frozen=True, slots=True)
class Place:
    """One table: the columns that lead to a person, and what stays of a row."""

    table: sa.Table
    label: str
    customer: str = ""
    key: str = ""
    blank: Mapping[str, Any] | None = field(default_factory=dict)

    def mine(self, person: Person) -> sa.ColumnElement[bool]:
        """Rows of this person; by number only where the row names no other customer."""
        parts: list[sa.ColumnElement[bool]] = []
        if self.customer and person.id is not None:
            parts.append(self.table.c[self.customer] == person.id)
        if self.key and person.keys:
            known = self.table.c[self.key].in_(person.keys)
            parts.append(sa.and_(known, self.table.c[self.customer].is_(None)) if self.customer else known)
        return sa.or_(sa.false(), *parts)


def _side(side: str, **more: str) -> dict[str, Any]:
    cleared = {f"{side}_{n}": "" for n in ("name", "key", "display")}
    return {f"{side}_customer_id": None, **cleared, **more}


_TEXTS = (
    *("title", "company", "address", "business", "occupation", "hobbies", "note", "cargo", "routes"),
    *("transport_volume", "timeliness", "special_handling", "delivery_preference", "payment"),
    "representative",
)
_NUMBER = {"number_key": "", "number_display": ""}
_CUSTOMER: dict[str, Any] = {
    **dict.fromkeys(_TEXTS, ""),
    "name": "已删除客户",
    "birthday": None,
    "birthday_month_only": False,
    "preferences": {},
    "green_channel": False,
    "arrears_fen": 0,
    "satisfaction": None,
    "source": ERASED,
    "grams": (),
}
_TASK = {"name": "", **_NUMBER, "title": GONE, "detail": "", "result": "", "answers": {}}

PLACES: tuple[Place, ...] = (
    Place(t.customers, "客户资料", customer="id", blank=_CUSTOMER),
    Place(t.customer_contacts, "联系人", customer="customer_id", blank=None),
    Place(t.numbers, "号码", customer="customer_id", blank=None),
    Place(t.axb_bindings, "虚拟号绑定", customer="customer_id", key="peer_key", blank=None),
    Place(customer_changes, "资料修改", customer="customer_id", blank=None),
    Place(consents, "授权", customer="customer_id", blank=None),
    Place(retention_steps, "挽留记录", customer="customer_id", blank={"note": ""}),
    Place(
        t.waybills,
        "寄件运单",
        customer="sender_customer_id",
        key="sender_key",
        blank=_side("sender", last_event="", problem=""),
    ),
    Place(
        t.waybills,
        "收件运单",
        customer="receiver_customer_id",
        key="receiver_key",
        blank=_side("receiver", receiver_address="", signed_by="", last_event="", problem=""),
    ),
    Place(
        t.contacts,
        "联系历史",
        customer="customer_id",
        key="number_key",
        blank={"customer_id": None, **_NUMBER, "summary": "", "note": "", "ivr": {}},
    ),
    Place(
        t.complaints,
        "投诉",
        customer="customer_id",
        key="number_key",
        blank={
            "customer_id": None,
            **_NUMBER,
            "caller_name": "",
            "summary": GONE,
            "detail": "",
            "follow_up": "",
            "result": "",
            "recording_id": "",
        },
    ),
    Place(
        problem_items,
        "问题件",
        customer="customer_id",
        blank={"customer_id": None, "remark": GONE, "result": ""},
    ),
    Place(
        t.pops,
        "弹屏台账",
        customer="customer_id",
        key="number_key",
        blank={"customer_id": None, **_NUMBER, "note": ""},
    ),
    Place(recordings, "录音", key="number_key", blank=_NUMBER),
    Place(callbacks, "回呼", key="number_key", blank={**_NUMBER, "context": {}}),
    Place(
        ivr_requests, "自助登记", key="number_key", blank={"number_key": "", "detail": {}, "recording_id": ""}
    ),
    Place(surveys, "评分", key="number_key", blank={"number_key": ""}),
    Place(
        outreach_tasks,
        "回访与问候",
        customer="customer_id",
        key="number_key",
        blank={"customer_id": None, **_TASK},
    ),
    Place(
        dial_attempts,
        "外呼",
        customer="customer_id",
        key="number_key",
        blank={"customer_id": None, "number_display": ""},
    ),
)
# exported too, though they stay as they are
BESIDE: tuple[Place, ...] = tuple(
    Place(table, KEPT[table.name].partition("：")[0], customer="customer_id")
    for table in (t.orders, payments, points_ledger, t.tier_history, customer_tiers, customer_metrics)
)


def find_person(conn: Connection, text: str, plan: Plan) -> Person:
    """By 编号, ``#id`` or number. UsageError when there is nobody, or a number has several owners."""
    c = t.customers.c
    row = None
    if text.startswith("#") and text[1:].isascii() and text[1:].isdigit() and len(text) < 16:
        row = conn.execute(sa.select(t.customers).where(c.id == int(text[1:]))).mappings().first()
    elif text:
        row = conn.execute(sa.select(t.customers).where(c.code == text)).mappings().first()
    if row is None and (key := parse(text, plan).key):
        owned = sa.select(t.numbers.c.customer_id).where(t.numbers.c.key == key)
        owners = conn.execute(sa.select(t.customers).where(c.id.in_(owned)).order_by(c.code)).mappings().all()
        if len(owners) > 1:
            codes = "、".join(o["code"] for o in owners)
            raise UsageError(f"several customers have this number ({codes}): say which by 编号")
        if not owners:
            return Person(None, (key,))
        row = owners[0]
    if row is None or row["source"] == ERASED:
        raise UsageError("there is no such customer, and it is no number")
    return Person(row, tuple(_own_keys(conn, row["id"])))


def _own_keys(conn: Connection, customer_id: int) -> list[str]:
    """Numbers that only this customer has."""
    n, other = t.numbers.c, t.numbers.alias("other")
    shared = sa.exists().where(other.c.key == n.key, other.c.customer_id != customer_id)
    return list(conn.execute(sa.select(n.key).where(n.customer_id == customer_id, ~shared)).scalars())


def recordings_of(conn: Connection, person: Person) -> list[RowMapping]:
    """Recordings of the person's calls: by number, or by the pop that knew the customer."""
    r, p = recordings.c, t.pops.c
    by_pop = sa.exists().where(p.node == r.node, p.linkedid == r.linkedid, p.customer_id == person.id)
    mine = sa.or_(r.number_key.in_(person.keys), by_pop if person.id is not None else sa.false())
    return list(conn.execute(sa.select(recordings).where(mine).order_by(r.started_at)).mappings())


def voice_of(conn: Connection, person: Person) -> list[str]:
    """Names of voice messages that were left in the menus."""
    found: list[str] = []
    for table in (ivr_requests, t.complaints):
        place = next(p for p in PLACES if p.table is table)
        query = sa.select(table.c.recording_id).where(place.mine(person), table.c.recording_id != "")
        found += conn.execute(query).scalars()
    return sorted(set(found))


def sound_files(found: Collection[RowMapping], voice: Collection[str]) -> list[str]:
    """File names in the folder of the recordings; never out of it."""
    names = [n for r in found for n in (r["agent_file"], r["caller_file"], f"{r['uniqueid']}.wav")]
    names += [f"{ref}.wav" for ref in voice]
    return [n for n in names if n and "/" not in n and "\\" not in n and not n.startswith(".")]


def export_person(conn: Connection, person: Person) -> dict[str, Any]:
    """Everything about one person, as JSON; sound by its file names."""
    told: dict[str, Any] = {}
    for place in (*PLACES, *BESIDE):
        rows = [
            _plain(row) for row in conn.execute(sa.select(place.table).where(place.mine(person))).mappings()
        ]
        told[place.label] = rows
    found = recordings_of(conn, person)
    ids = [r["id"] for r in found]
    told["录音"] = [_plain(r) for r in found]
    for label, table in (("转写文字", transcripts), ("评分表", scores)):
        query = sa.select(table).where(table.c.recording_id.in_(ids))
        told[label] = [_plain(r) for r in conn.execute(query).mappings()]
    of = [row["id"] for row in told["投诉"]]
    steps = sa.select(t.complaint_events).where(t.complaint_events.c.complaint_id.in_(of))
    told["投诉经过"] = [_plain(r) for r in conn.execute(steps.order_by(t.complaint_events.c.id)).mappings()]
    if person.id is not None:
        seen = sa.select(t.audit).where(t.audit.c.subject == f"customer:{person.id}")
        told["谁看过改过"] = [_plain(r) for r in conn.execute(seen.order_by(t.audit.c.id)).mappings()]
    told["声音文件"] = sound_files(found, voice_of(conn, person))
    return told


def count_person(conn: Connection, person: Person) -> dict[str, int]:
    """How many rows and sound files there are of a person, by kind; kinds without any are absent."""
    counts = {}
    for place in (*PLACES, *BESIDE):
        query = sa.select(sa.func.count()).select_from(place.table).where(place.mine(person))
        counts[place.label] = int(conn.execute(query).scalar_one())
    found = recordings_of(conn, person)
    counts["录音"] = len(found)
    counts["声音文件"] = len(sound_files(found, voice_of(conn, person)))
    texts = sa.select(sa.func.count()).select_from(transcripts)
    of = texts.where(transcripts.c.recording_id.in_([r["id"] for r in found]))
    counts["转写文字"] = int(conn.execute(of).scalar_one())
    return {label: n for label, n in counts.items() if n}


def key_hash(key: str) -> str:
    """How an erased number is remembered for some days, without the number."""
    return hashlib.sha256(key.encode()).hexdigest()


def _plain(row: RowMapping) -> dict[str, Any]:
    return {str(k): v for k, v in _values(row) if k != "grams"}


def _values(row: RowMapping) -> Iterator[tuple[Any, Any]]:
    for name, value in row.items():
        yield name, value.isoformat() if isinstance(value, datetime | date) else value
