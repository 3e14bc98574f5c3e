"""The worklist over HTTP: who sees what, taking and doing a task, undoing, figures, the workbook."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from asterisk_conf.ports import free_tcp
from cti.__main__ import main
from cti.store import repos
from cti.store.db import Database
from cti.store.repos import dialling
from cti.store.repos.outreach import add_tasks
from cti.store.tables import customers
from cti.store.tables_tiers import customer_tiers
from screenpop.rounds import Rounds
from tests.plugins.screenpop import PopLine

HOUR = timedelta(hours=1)
CHINA = ZoneInfo("Asia/Shanghai")


async def _tasks(popline: PopLine, *rows: dict[str, Any]) -> list[int]:
    """Tasks about 王小明, due in an hour unless they say otherwise; their ids."""
    now = datetime.now(UTC)

    def write(conn: sa.Connection) -> list[int]:
        wang = conn.execute(sa.select(customers.c.id).where(customers.c.code == "C1")).scalar_one()
        common = {"customer_id": wang, "title": "回访", "due_at": now + HOUR, "kind": "visit_call"}
        made = [{"key": f"t{n}", **common, **row} for n, row in enumerate(rows)]
        add_tasks(conn, made, now=now)
        return list(conn.execute(sa.text("SELECT id FROM outreach_tasks ORDER BY id")).scalars())

    return await popline.parts.ctx.db.write(write)


async def _act(
    popline: PopLine, task: int, action: str, version: int, user: str = "a1001", **more: Any
) -> Any:
    body = {"action": action, "version": version, **more}
    return await popline.api("POST", f"/outreach/tasks/{task}/steps", user=user, body=body)


async def test_agents_see_their_own_and_nobodys_supervisors_all(popline: PopLine) -> None:
    """domain.md §7: worklist — late first; agents see masked numbers, and not their
    colleagues' tasks."""
    now = datetime.now(UTC)
    mine, theirs, free = await _tasks(
        popline, {"owner": "a1001"}, {"owner": "a1002"}, {"due_at": now - HOUR, "kind": "greeting"}
    )
    _, seen = await popline.api("GET", "/outreach/tasks", user="a1001")
    assert [i["id"] for i in seen["items"]] == [free, mine]
    assert (seen["total"], seen["late"], seen["items"][0]["late"]) == (2, 1, True)
    assert seen["kinds"] == {"greeting": 1, "visit_call": 1}
    _, every = await popline.api("GET", "/outreach/tasks", user="boss")
    assert {i["id"] for i in every["items"]} == {mine, theirs, free}
    for path, total in (
        ("?late=true", 1),
        ("?kind=greeting", 1),
        ("?owner=me", 1),
        ("?q=王小", 2),
        ("?owner=nobody", 1),
    ):
        _, found = await popline.api("GET", f"/outreach/tasks{path}", user="a1001")
        assert (path, found["total"]) == (path, total)
    assert (await popline.api("GET", f"/outreach/tasks/{theirs}", user="a1001"))[0] == 404
    status, denied = await _act(popline, theirs, "take", 1)
    assert (status, denied["error"]["code"]) == (404, "no_such_task")
    _, task = await popline.api("GET", f"/outreach/tasks/{mine}", user="a1001")
    assert [n["display"] for n in task["numbers"]] == ["138****8000"]
    assert [line["text"] for line in task["script"]][:2] == [
        "您好，请问您是王先生吗？",
        "打扰您了，我是来电速运",
    ]
    _, whole = await popline.api("GET", f"/outreach/tasks/{mine}", user="boss")
    assert [n["display"] for n in whole["numbers"]] == ["138 0013 8000"]
    assert ("assign" in whole["actions"], "assign" in task["actions"]) == (True, False)
    assert (await popline.api("GET", "/outreach/tasks", user="qa"))[0] == 200


async def test_receipt_call_from_taking_to_the_complaint(popline: PopLine) -> None:
    """domain.md §7: morning after delivery — taking is exclusive, what is not asked is named,
    trouble offers a complaint."""
    (task,) = await _tasks(popline, {"kind": "receipt_call", "waybill": "SF1234567890"})
    assert (await _act(popline, task, "take", 1))[0] == 200
    status, late = await _act(popline, task, "take", 1, user="a1002")
    assert (status, late["error"]["code"]) == (409, "changed_meanwhile")
    assert (late["error"]["detail"]["version"], late["error"]["detail"]["steps"][0]["who"]) == (2, "a1001")
    assert (await _act(popline, task, "take", 2, user="a1002"))[0] == 404
    answers = {"received": "yes", "when": "on_time", "signed": "self"}
    status, lacks = await _act(popline, task, "finish", 2, outcome="reached", answers=answers)
    assert (status, lacks["error"]["detail"]["missing"]) == (422, ["请问外包装和货物是否完好？"])
    status, odd = await _act(popline, task, "finish", 2, outcome="reached", answers={"received": "perhaps"})
    assert (status, odd["error"]["code"]) == (422, "incomplete")
    given = {"answers": {**answers, "condition": "damaged"}, "scores": {"intact": 1, "order": 5}}
    status, done = await _act(popline, task, "finish", 2, outcome="reached", result="外箱压坏", **given)
    assert (status, done["state"]) == (200, "done")
    assert [(t["category"], t["problem"]) for t in done["troubles"]] == [("破损", "damage")]
    _, lists = await popline.api("GET", "/outreach/tasks?kind=survey_followup", user="a1001")
    assert [(i["title"], i["owner"]) for i in lists["items"]] == [("低分回访：货物完好 1 分", "a1001")]
    _, whole = await popline.api("GET", f"/outreach/tasks/{task}", user="a1001")
    assert (whole["scores"], whole["actions"]) == ({"intact": 1, "order": 5}, ["reopen"])
    _, line = await popline.api("GET", f"/customers/{whole['customer_id']}/timeline", user="a1001")
    assert "外箱压坏" in str(line)
    status, undone = await _act(popline, task, "reopen", 3, note="点错了")
    assert (status, undone["state"]) == (200, "taken")
    _, lists = await popline.api("GET", "/outreach/tasks?kind=survey_followup", user="a1001")
    assert lists["items"] == []


async def test_supervisor_assigns_and_plans(popline: PopLine) -> None:
    """Supervisors give tasks to people and plan on demand; agents may not."""
    (task,) = await _tasks(popline, {})
    assert (await _act(popline, task, "assign", 1, owner="a1002"))[0] == 403
    status, wrong = await _act(popline, task, "assign", 1, user="boss", owner="nobody-here")
    assert (status, wrong["error"]["code"]) == (400, "unknown_owner")
    assert (await _act(popline, task, "assign", 1, user="boss", owner="a1002"))[0] == 200
    _, mine = await popline.api("GET", "/outreach/tasks?owner=me", user="a1002")
    assert [i["id"] for i in mine["items"]] == [task]
    assert (await popline.api("POST", "/outreach/plan", user="a1001"))[0] == 403
    status, done = await popline.api("POST", "/outreach/plan", user="boss")
    assert status == 200
    assert set(done["added"]) >= {"visit", "receipt_call", "greeting", "notice"}
    due = (datetime.now(UTC) + HOUR).isoformat()
    body = {"kind": "notice", "title": "告知延误", "due_at": due, "owner": "a1002"}
    status, denied = await popline.api("POST", "/outreach/tasks", user="a1001", body=body)
    assert (status, denied["error"]["code"]) == (403, "no_permission")
    status, made = await popline.api("POST", "/outreach/tasks", user="boss", body=body)
    assert status == 201
    status, cancelled = await _act(popline, made["id"], "cancel", 1, user="a1002", note="已解决")
    assert (status, cancelled["state"]) == (200, "cancelled")


async def test_figures_and_workbook(popline: PopLine) -> None:
    """domain.md §7: satisfaction — done in time, and by aspect; the workbook holds them and is
    audited."""
    (task, _) = await _tasks(popline, {"title": "=1+1"}, {"due_at": datetime.now(UTC) - HOUR})
    await _act(popline, task, "take", 1)
    await _act(popline, task, "finish", 2, outcome="reached", scores={"response": 4})
    until = (datetime.now(UTC) + 2 * HOUR).isoformat().replace("+", "%2B")
    _, found = await popline.api("GET", f"/outreach/figures?until={until}", user="boss")
    (calls,) = found["kinds"]
    assert (calls["due"], calls["in_time"], calls["missed"]) == (2, 1, 1)
    assert found["aspects"][4] == {
        "aspect": "response",
        "label": "响应速度",
        "count": 1,
        "mean": 4.0,
        "low": 0,
    }
    headers = {"Authorization": f"Bearer {await popline.token('boss')}"}
    url = f"{popline.base}/api/v1/outreach/export.xlsx?state=all"
    async with popline.http.get(url, headers=headers) as answer:
        assert answer.status == 200
        book = load_workbook(io.BytesIO(await answer.read()))
    assert book.sheetnames == ["任务", "完成情况", "满意度", "说明"]
    titles = [row[7] for row in book["任务"].iter_rows(min_row=2, values_only=True)]
    assert sorted(titles) == ["=1+1", "回访"]
    audit = await popline.parts.ctx.db.run(repos.list_audit)
    assert ("export", "outreach") in {(e["action"], e["subject"]) for e in audit}
    assert (await popline.api("GET", "/outreach/export.xlsx", user="a1001"))[0] == 403


async def test_nobody_is_called_at_night(start_popline: Callable[..., Any], seeded_url: str) -> None:
    """domain.md §8 Outbound: outside the hours of Asia/Shanghai a click is refused; when is told."""
    hour = datetime.now(CHINA).hour
    hours = "14:00-20:00" if hour < 12 else "02:00-08:00"
    node = {"name": "pbx1", "port": free_tcp(), "username": "u", "secret": "s"}
    popline: PopLine = await start_popline(seeded_url, ami=[node], outreach={"dial_hours": hours})
    (task,) = await _tasks(popline, {})
    body = {"key": "click-0001", "task_id": task}
    status, refused = await popline.api("POST", "/dial", user="a1001", body=body)
    assert (status, refused["error"]["code"]) == (409, "not_now")
    _, now = await popline.api("GET", "/dial", user="a1001")
    assert (now["allowed"], now["hours"]) == (False, hours.replace("-", "–"))
    assert await popline.parts.ctx.db.run(dialling.live_attempts) == []


async def test_the_service_plans_by_itself(popline: PopLine) -> None:
    """What is due becomes tasks while the service runs: the day once, what happens meanwhile every look."""
    ctx = popline.parts.ctx
    assert ctx.outreach is not None
    at = datetime.now(UTC)
    await ctx.db.write(lambda c: c.execute(sa.update(customers).values(birthday=at.astimezone(CHINA).date())))
    rounds = Rounds(ctx.db, ctx.outreach, lambda: at, first_look_s=0)
    rounds.start()
    async with asyncio.timeout(20):
        while True:
            _, found = await popline.api("GET", "/outreach/tasks?kind=greeting", user="boss")
            if found["total"]:
                break
            await asyncio.sleep(0.05)
    await rounds.stop()
    assert {i["title"] for i in found["items"]} == {"生日问候"}
    _, task = await popline.api("GET", f"/outreach/tasks/{found['items'][0]['id']}", user="boss")
    assert "祝您生日快乐" in task["detail"]


def test_planning_on_the_command_line(seeded_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``laidian outreach plan`` says what it added, and adds nothing twice; ``due`` lists what is left."""
    db = Database(seeded_url)
    with db.begin() as conn:
        wang = conn.execute(sa.select(customers.c.id).where(customers.c.code == "C1")).scalar_one()
        tier = {"customer_id": wang, "scheme": "abcd", "tier_id": "B", "at": datetime.now(UTC)}
        conn.execute(sa.insert(customer_tiers).values(tier))
    db.close()
    for again in (False, True):
        assert main(["outreach", "plan", "--url", seeded_url, "--json"]) == 0
        added = json.loads(capsys.readouterr().out)["added"]
        assert (sum(added.values()) > 0) is not again
    assert main(["outreach", "due", "--url", seeded_url]) == 0
    assert "回访电话" in capsys.readouterr().out


async def test_calls_out_need_a_pbx_and_the_customers_own_number(popline: PopLine) -> None:
    """domain.md §8: outbound — without a PBX nothing is offered; every path is in the OpenAPI
    document."""
    (task,) = await _tasks(popline, {})
    _, now = await popline.api("GET", "/dial", user="a1001")
    assert (now["allowed"], now["call"]) == (False, None)
    body = {"key": "click-0001", "task_id": task}
    status, off = await popline.api("POST", "/dial", user="a1001", body=body)
    assert (status, off["error"]["code"]) == (409, "dial_off")
    status, _ = await popline.api("POST", "/dial", user="a1001", body={"key": "click-0001"})
    assert status == 422
    status, _ = await popline.api(
        "POST", "/dial", user="a1001", body={"key": "x\r\nAction: Logoff", "task_id": 1}
    )
    assert status == 422
    _, document = await popline.api("GET", "/openapi.json")
    paths = {"/dial", "/dial/{attempt_id}", "/outreach/tasks", "/outreach/tasks/{task_id}/steps"}
    assert paths <= {p.removeprefix("/api/v1") for p in document["paths"]}
