"""The customer's record beyond the pop: kept by people, two of whom may edit it; and one contact, whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.classification import SERVICES
from cti.domain.phone import parse
from cti.domain.review import SEEN_BY_AGENT, ReviewState
from cti.store.repos import complaint_lists
from cti.store.repos import customer_edit as store
from cti.store.repos.commands import commands_of_call
from cti.store.repos.records import StaleVersion
from cti.store.tables import complaints, contacts, customers
from screenpop import card
from screenpop.api import customer_models as m
from screenpop.api.pressed import pressed
from screenpop.api.route import ApiCall, ApiError, Route

_GONE = ApiError(404, "no_such_customer", "没有找到这位客户，可能已被删除。")
_STEERS = ("representative", "green_channel")  # whom the routing prefers
_WHY = {
    "invalid": "不是可以拨打的号码，请检查",
    "virtual": "是虚拟号，不属于任何客户，不能登记",
    "too_many": "放不下了：一位客户最多 100 个号码",
}


def record_part(found: store.Record, hide: Any) -> m.RecordPart:
    """The rest of the record, numbers hidden in every free text."""
    row = found.row
    texts = ("business", "occupation", "hobbies", "payment")
    same = ("version", "industry", "county", "cooperation_years", "spend_fen", "arrears_fen", "satisfaction")
    return m.RecordPart(
        **{n: row[n] for n in (*same, "last_order_at", "source", "created_at", "updated_at")},
        **{n: hide(row[n]) for n in texts},
        services=tuple(s for s in row["services"].split("、") if s),
        people=tuple(
            m.Person(
                **{n: p[n] for n in ("id", "title", "age")},
                **{n: hide(p[n]) for n in ("name", "role", "hobbies", "note")},
            )
            for p in found.people
        ),
    )


async def edit_customer(call: ApiCall) -> m.CustomerEdited:
    body, who, at = call.body(m.CustomerEdit), call.who, call.ctx.now()
    customer_id, hide = call.path["customer_id"], _hide(call)
    given = {n: getattr(body.fields, n) for n in body.fields.model_fields_set}
    given = {n: v for n, v in given.items() if v is not None or n in ("birthday", "cooperation_years")}
    if set(_STEERS) & set(given) and not who.has("supervisor"):
        raise ApiError(403, "no_permission", "只有班长可以改专属客服和绿色通道。")
    if "services" in given:
        if set(given["services"]) - set(SERVICES):
            raise ApiError(422, "invalid", "请求内容不正确，请检查：services。")
        given["services"] = "、".join(s for s in SERVICES if s in given["services"])
    edit = store.Edit(
        fields=given,
        add_numbers=tuple((n.number, n.label, n.person) for n in body.add_numbers),
        drop_numbers=body.drop_numbers,
        people=tuple(p.model_dump() for p in body.people),
        drop_people=body.drop_people,
    )
    how: dict[str, Any] = {"version": body.version, "who": who.username, "at": at, "remote": call.remote}
    try:
        version = await call.ctx.db.write(
            lambda c: store.edit_customer(c, customer_id, edit, **how, plan=call.ctx.plan, seen=hide)
        )
    except StaleVersion:
        raise await _changed_meanwhile(call, body.version) from None
    except store.BadNumber as e:
        detail = {"number": e.text, "why": e.why}
        raise ApiError(422, "bad_number", f"“{e.text}” {_WHY[e.why]}。", detail=detail) from None
    except store.BadPerson:
        raise ApiError(422, "bad_person", "联系人要有各自的姓名；如刚被别人删除，请刷新后再改。") from None
    if version is None:
        raise _GONE
    call.ctx.told(customers=[customer_id])
    return m.CustomerEdited(version=version)


async def _changed_meanwhile(call: ApiCall, version: int) -> ApiError:
    """What the others did since the version that was read; an import leaves no entry, but what is now."""
    customer_id = call.path["customer_id"]

    def read(conn: Connection) -> tuple[store.Record | None, Sequence[RowMapping]]:
        return store.record(conn, customer_id), store.changes_of(conn, customer_id, after=version)

    found, changes = await call.ctx.db.run(read)
    if found is None:
        return _GONE
    hide = _hide(call)
    now = {n: hide(v) if isinstance(v := found.row[n], str) else v for n in store.FIELDS}
    now["birthday"] = found.row["birthday"].isoformat() if found.row["birthday"] else None
    detail = {
        "version": found.row["version"],
        "changes": [_change(c, hide).model_dump(mode="json") for c in changes],
        "now": now,
    }
    message = "这位客户的资料刚被别人修改，您的内容还没有保存，请看过对方的修改后再决定。"
    return ApiError(409, "changed_meanwhile", message, detail=detail)


async def customer_changes(call: ApiCall) -> m.ChangesOut:
    customer_id, hide = call.path["customer_id"], _hide(call)
    rows = await call.ctx.db.run(lambda c: store.changes_of(c, customer_id))
    return m.ChangesOut(items=tuple(_change(row, hide) for row in rows))


def _change(row: RowMapping, hide: Any) -> m.ChangeOut:
    told = {n: [hide(v) if isinstance(v, str) else v for v in both] for n, both in row["changes"].items()}
    return m.ChangeOut(version=row["version"], at=row["at"], who=row["who"], changes=told)


async def get_contact(call: ApiCall) -> m.ContactOut:
    contact_id, who, hide = call.path["contact_id"], call.who, _hide(call)

    def read(
        conn: Connection,
    ) -> tuple[RowMapping | None, Sequence[RowMapping], Sequence[int], Sequence[RowMapping]]:
        c = contacts.c
        query = sa.select(contacts, customers.c.name.label("customer_name"))
        joined = query.select_from(contacts.outerjoin(customers, customers.c.id == c.customer_id))
        row = conn.execute(joined.where(c.id == contact_id)).mappings().first()
        if row is None or not row["linkedid"]:
            return row, (), (), ()
        of = complaints.c
        same = sa.select(of.id).where(of.node == row["node"], of.linkedid == row["linkedid"])
        made = conn.execute(same.order_by(of.id).limit(20)).scalars().all()
        orders = commands_of_call(conn, row["node"], row["linkedid"])
        return row, complaint_lists.recordings_of(conn, row), made, orders

    row, recorded, made, orders = await call.ctx.db.run(read)
    if row is None:
        raise ApiError(404, "no_such_contact", "没有找到这次联系，可能已按保存期限删除。")
    inside = who.has("qa", "qa_lead", "supervisor")
    oversees = who.has("supervisor", "admin")

    def may_open(part: RowMapping) -> bool:
        published = part["review_state"] is not None and ReviewState(part["review_state"]) in SEEN_BY_AGENT
        return inside or (bool(who.agent) and who.agent == part["agent"] and published)

    number = parse(row["number_display"], call.ctx.plan) if row["number_display"] else None
    same = ("id", "customer_id", "at", "ended_at", "channel", "direction", "queue", "agent", "disposition")
    return m.ContactOut(
        **{n: row[n] for n in (*same, "waybill", "wait_s", "talk_s", "satisfaction")},
        **{n: hide(row[n]) for n in ("summary", "note")},
        customer_name=hide(row["customer_name"] or ""),
        number="" if number is None else number.masked if call.masked else number.display,
        ivr={str(k): hide(str(v)) for k, v in (row["ivr"] or {}).items()},
        recordings=tuple(
            m.CallPart(id=r["id"], agent=r["agent"], started_at=r["started_at"], open=may_open(r))
            for r in recorded
        ),
        complaints=tuple(made),
        pressed=pressed([o for o in orders if oversees or (who.agent and who.agent == o["agent"])], hide),
    )


def _hide(call: ApiCall) -> Any:
    return card.mask_text if call.masked else str


_CUSTOMER = {"customer_id": int}
ROUTES = (
    Route(
        "PATCH",
        "/customers/{customer_id}",
        edit_customer,
        m.CustomerEdited,
        "修改客户资料、号码、联系人；别人先改了就是 409，并说明改了什么",
        "customers",
        params=_CUSTOMER,
        body=m.CustomerEdit,
        roles=("agent", "supervisor"),
        errors=(404, 409),
    ),
    Route(
        "GET",
        "/customers/{customer_id}/changes",
        customer_changes,
        m.ChangesOut,
        "客户资料的修改记录",
        "customers",
        params=_CUSTOMER,
    ),
    Route(
        "GET",
        "/contacts/{contact_id}",
        get_contact,
        m.ContactOut,
        "一次联系的全部",
        "customers",
        params={"contact_id": int},
    ),
)
