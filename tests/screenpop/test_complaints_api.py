"""The complaint board over HTTP: roles, steps, no lost update, statistics, export."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import sqlalchemy as sa

from cti.store import repos
from cti.store.tables import complaints, customers
from cti.store.tables_quality import recordings, reviews
from tests.plugins.screenpop import PopLine


async def _made(line: PopLine, user: str = "a1001", **more: Any) -> dict[str, Any]:
    body = {"category": "延误", "text": "冷链件晚到，请打 13800138000", **more}
    status, made = await line.api("POST", "/complaints", user=user, body=body)
    assert status == 201
    return dict(made)


async def _act(line: PopLine, made: dict[str, Any], user: str, action: str, **more: Any) -> tuple[int, Any]:
    _, now = await line.api("GET", f"/complaints/{made['id']}", user="boss")
    body = {"version": now["version"], "action": action, **more}
    return await line.api("POST", f"/complaints/{made['id']}/steps", user=user, body=body)


async def _customer(line: PopLine, code: str) -> int:
    query = sa.select(customers.c.id).where(customers.c.code == code)
    return int(await line.parts.ctx.db.run(lambda c: c.execute(query).scalar_one()))


async def test_a_complaint_is_worked_on_until_it_is_closed(popline: PopLine) -> None:
    """domain.md §5: record, told back — taken, followed up, resolved, told back after a failed call,
    closed by the supervisor."""
    made = await _made(popline, customer_id=await _customer(popline, "C1"), department="派送部")
    assert made["code"].startswith("TS")
    _, board = await popline.api("GET", "/complaints", user="a1002")
    (item,) = board["items"]
    assert (item["customer_name"], item["tier"]["label"], item["late"]) == ("王小明", "VIP客户", False)
    assert "138****8000" in item["summary"]
    opened, due = (datetime.fromisoformat(item[n]) for n in ("opened_at", "due_at"))
    assert due - opened == timedelta(hours=12)
    assert (await _act(popline, made, "a1001", "take"))[1]["state"] == "handling"
    assert (await _act(popline, made, "a1002", "follow_up", note="x"))[0] == 403
    assert (await _act(popline, made, "a1001", "follow_up", note="问网点", outcome="今日派"))[0] == 200
    status, lacks = await _act(popline, made, "a1001", "resolve", result="已派")
    assert (status, lacks["error"]["detail"]) == (422, {"missing": ["cause"]})
    status, told = await _act(popline, made, "a1001", "resolve", result="已派", cause="车辆晚点")
    assert (status, told["state"]) == (200, "resolved")
    again = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert (await _act(popline, made, "a1001", "call_failed", outcome="关机", call_at=again))[0] == 200
    _, board = await popline.api("GET", "/complaints?state=resolved&owner=me", user="a1001")
    assert board["items"][0]["call_at"] is not None
    assert (await _act(popline, made, "a1001", "tell"))[0] == 422
    assert (await _act(popline, made, "a1001", "tell", told_how="phone", outcome="客户满意"))[0] == 200
    assert (await _act(popline, made, "a1001", "close"))[0] == 403
    assert (await _act(popline, made, "boss", "close"))[1]["state"] == "closed"
    assert (await _act(popline, made, "boss", "close"))[0] == 409
    _, whole = await popline.api("GET", f"/complaints/{made['id']}", user="boss")
    steps = ["open", "take", "follow_up", "resolve", "call_failed", "tell", "close"]
    assert [s["action"] for s in whole["steps"]] == steps
    assert (whole["told_by"], whole["told_how"], whole["actions"]) == ("a1001", "phone", ["reopen"])


async def test_two_people_editing_one_complaint_lose_nothing(popline: PopLine) -> None:
    """Of two edits of one version one is refused, with what the other changed; it can be sent again."""
    made = await _made(popline)
    path = f"/complaints/{made['id']}"
    bodies = {"a1001": {"department": "派送部"}, "boss": {"cause": "天气"}}
    answers = await asyncio.gather(
        *(popline.api("PATCH", path, user=u, body={"version": 1, **b}) for u, b in bodies.items())
    )
    assert sorted(status for status, _ in answers) == [200, 409]
    (refused,) = [a["error"] for status, a in answers if status == 409]
    loser = next(u for u, (status, _) in zip(bodies, answers, strict=True) if status == 409)
    (winner,) = set(bodies) - {loser}
    (step,) = refused["detail"]["steps"]
    (field,) = bodies[winner]
    assert (step["who"], step["changes"]) == (winner, {field: ["", bodies[winner][field]]})
    body = {"version": refused["detail"]["version"], **bodies[loser]}
    assert (await popline.api("PATCH", path, user=loser, body=body))[0] == 200
    _, whole = await popline.api("GET", path, user="boss")
    assert (whole["department"], whole["cause"]) == ("派送部", "天气")
    old = {"version": 1, "action": "take"}
    status, late = await popline.api("POST", f"{path}/steps", user="a1001", body=old)
    assert (status, late["error"]["code"], len(late["error"]["detail"]["steps"])) == (
        409,
        "changed_meanwhile",
        2,
    )


async def test_who_may_edit_what(popline: PopLine) -> None:
    """Agents edit what is theirs or nobody's; owners are named by supervisors, and must exist."""
    made = await _made(popline)
    path = f"/complaints/{made['id']}"

    async def patch(user: str, version: int, **body: Any) -> int:
        return (await popline.api("PATCH", path, user=user, body={"version": version, **body}))[0]

    assert await patch("a1001", 1, owner="a1001") == 403
    assert await patch("boss", 1, owner="nobody") == 400
    assert await patch("boss", 1, owner="a1002") == 200
    assert await patch("a1001", 2, cause="天气") == 403
    assert await patch("a1002", 2, category="天气") == 400
    assert await patch("a1002", 2, promised_at="2030-01-01T00:00:00Z", category="破损") == 200
    assert await patch("qa", 3, cause="天气") == 403
    assert (await popline.api("PATCH", "/complaints/999", user="boss", body={"version": 1}))[0] == 404
    _, meta = await popline.api("GET", "/complaints/meta", user="a1001")
    assert "派送部" in meta["departments"]
    assert meta["defaults"] is True


async def test_late_ones_are_escalated_and_listed(popline: PopLine) -> None:
    """A complaint past its deadline is late and shows its level before anybody has looked."""
    made = await _made(popline)
    late = datetime.now(UTC) - timedelta(hours=5)
    change = sa.update(complaints).where(complaints.c.id == made["id"]).values(due_at=late)
    await popline.parts.ctx.db.write(lambda c: c.execute(change))
    await _made(popline, category="费用")
    _, board = await popline.api("GET", "/complaints", user="boss")
    assert [(i["id"] == made["id"], i["late"], i["level"]) for i in board["items"]] == [
        (True, True, 2),
        (False, False, 0),
    ]
    assert (board["late"], board["counts"]) == (1, {"open": 2})
    _, only = await popline.api("GET", "/complaints?late=true", user="boss")
    assert len(only["items"]) == 1


async def test_a_complaint_of_a_recorded_call_leads_to_recording_and_score(popline: PopLine) -> None:
    """domain.md §5: record — joined to call, recording, score; agents see a score when it is published."""
    now = datetime.now(UTC)

    def write(conn: sa.Connection) -> None:
        ids = {"id": "rec-1", "node": "pbx1", "linkedid": "l1", "uniqueid": "u1", "agent": "1001"}
        conn.execute(sa.insert(recordings).values(**ids, started_at=now, state="ended", bridge_s=61.0))
        made = {"recording_id": "rec-1", "state": "reviewed", "auto_score": 72.5}
        conn.execute(sa.insert(reviews).values(**made, created_at=now, updated_at=now))

    await popline.parts.ctx.db.write(write)
    made = await _made(popline, user="qa", recording_id="rec-1")
    _, whole = await popline.api("GET", f"/complaints/{made['id']}", user="boss")
    (found,) = whole["recordings"]
    assert (found["id"], found["score"], found["seconds"], found["open"]) == ("rec-1", 72.5, 61.0, True)
    _, whole = await popline.api("GET", f"/complaints/{made['id']}", user="a1001")
    assert (whole["recordings"][0]["score"], whole["recordings"][0]["open"]) == (None, False)
    body = {"category": "延误", "text": "x", "recording_id": "rec-1"}
    assert (await popline.api("POST", "/complaints", user="a1001", body=body))[0] == 403


async def test_statistics_and_export(popline: PopLine) -> None:
    """domain.md §5: causes — shares by category, department, cause; their workbook, its export is logged."""
    await _made(popline, department="派送部", text="=1+1")
    await _made(popline, category="破损", department="派送部")
    _, figures = await popline.api("GET", "/complaints/figures", user="boss")
    assert (figures["total"], figures["late"]) == (2, 0)
    assert figures["department"] == [{"name": "派送部", "count": 2, "share": 1.0}]
    assert {s["name"]: s["share"] for s in figures["category"]} == {"延误": 0.5, "破损": 0.5}
    assert (await popline.api("GET", "/complaints/export.xlsx", user="a1001"))[0] == 403
    token = await popline.token("boss")
    url = f"{popline.base}/api/v1/complaints/export.xlsx"
    async with popline.http.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == 200
        book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
    assert book.sheetnames == ["投诉", "处理经过", "因素比例", "说明"]
    cells = [c for row in book["投诉"].iter_rows() for c in row]
    assert [c.data_type for c in cells if c.value == "=1+1"] == ["s"]
    entries = await popline.parts.ctx.db.run(repos.list_audit)
    assert [e["detail"] for e in entries if e["action"] == "export"] == [{"rows": 2}]
