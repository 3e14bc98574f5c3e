"""Personal data while the service runs: erasure during a call, consent, the audit log over HTTP."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import openpyxl
import sqlalchemy as sa

from cti.store import repos
from cti.store.privacy import erase
from cti.store.tables import contacts, customers, pops
from tests.plugins.screenpop import WANG, PopLine, Story


async def _id(line: PopLine, code: str) -> int:
    query = sa.select(customers.c.id).where(customers.c.code == code)
    return int(await line.parts.ctx.db.run(lambda c: c.execute(query).scalar_one()))


async def test_erased_while_the_call_runs(popline: PopLine) -> None:
    """The open pop loses the customer at once, the call goes on, and nothing of the person comes back."""
    told = Story()
    async with popline.page("a1001") as page:
        popline.hear(*told.rings("1001"), *told.answered("1001"))
        pop = await page.next("pop")
        assert pop["customer"]["name"] == "王小明"
        draft = {"note": "王小明要求删除资料", "disposition": "其它"}
        assert (await popline.api("PUT", f"/pops/{pop['id']}/draft", user="a1001", body=draft))[0] == 200
        _, there = await popline.api("GET", "/admin/person?who=C1", user="root")
        assert there["name"] == "王小明"
        body = {"who": "C1", "confirm": "删除"}
        assert (await popline.api("POST", "/admin/person/erase", user="boss", body=body))[0] == 403
        status, gone = await popline.api("POST", "/admin/person/erase", user="root", body=body)
        assert (status, gone["counts"]["号码"]) == (200, 1)
        update = (await page.until("pop_update", lambda m: "customer" in m["changes"]))["changes"]
        assert (update["customer"], update["caller"]["outcome"]) == (None, "none")
        popline.hear(*told.over("1001"))
        answer = {"note": "按要求删除", "disposition": "其它"}
        status, _ = await popline.api("POST", f"/pops/{pop['id']}/wrapup", user="a1001", body=answer)
        assert status == 202
        await page.next("pop_close")
    row = await popline.row(pop["id"])
    assert (row["customer_id"], row["number_key"], row["snapshot"]["call"]["number"]) == (None, "", "")
    db = popline.parts.ctx.db
    contact = await db.run(lambda c: c.execute(sa.select(contacts)).mappings().one())
    assert (contact["customer_id"], contact["number_key"], contact["note"]) == (None, "", "按要求删除")
    everything = await db.run(
        lambda c: [dict(r) for t in (pops, contacts) for r in c.execute(sa.select(t)).mappings()]
    )
    assert WANG not in str(everything)
    assert popline.parts.ctx.ledger.failures == 0
    assert (await popline.api("GET", f"/customers/{gone['customer_id']}", user="boss"))[0] == 404
    assert (await popline.api("GET", "/admin/person?who=C1", user="root"))[0] == 404


async def test_an_erasure_by_command_reaches_the_screens(popline: PopLine) -> None:
    """Another process erases somebody whose number two people share: the choice loses that one customer."""
    settings, plan = popline.parts.ctx.settings, popline.parts.ctx.plan
    async with popline.page("a1002") as page:
        popline.hear(*Story().rings("1002"))
        assert (await page.next("pop"))["customer"]["code"] == "C1"
        at = popline.parts.ctx.now()
        db = popline.parts.ctx.db
        await asyncio.to_thread(lambda: erase(db, settings, "C1", plan, at=at, who="cli"))
        update = await page.until("pop_update", lambda m: "customer" in m["changes"])
        assert update["changes"]["customer"] is None


async def test_consent_is_recorded_and_shown(popline: PopLine) -> None:
    """An agent writes down a refusal; it is shown with who, when and how, and stands in the audit log."""
    path = f"/customers/{await _id(popline, 'C2')}/consents"
    _, before = await popline.api("GET", path, user="a1001")
    assert [(i["purpose"], i["given"], i["allowed"]) for i in before["items"]][1] == ("marketing", None, True)
    body = {"purpose": "marketing", "given": False, "source": "电话", "note": "不要再打"}
    status, after = await popline.api("POST", path, user="a1001", body=body)
    assert (status, after["items"][1]["allowed"], after["history"][0]["who"]) == (200, False, "a1001")
    assert (await popline.api("POST", path, user="qa", body=body))[0] == 403
    assert (await popline.api("POST", "/customers/99/consents", user="boss", body=body))[0] == 404
    _, log = await popline.api("GET", "/audit?action=consent", user="boss")
    assert log["items"][0]["detail"]["changes"] == {"marketing": [None, False]}


async def test_the_audit_log_tells_who_saw_and_changed_what(popline: PopLine) -> None:
    """Views, reveals, edits with before and after and exports are in it, masked; filters and export work."""
    one = await _id(popline, "C1")
    _, seen = await popline.api("GET", f"/customers/{one}", user="a1001")
    number = seen["numbers"][0]["number_id"]
    await popline.api("POST", "/reveal", user="boss", body={"what": "number", "id": number})
    made = await popline.api("POST", "/complaints", user="a1001", body={"category": "延误", "text": "晚到"})
    change: dict[str, Any] = {"version": 1, "cause": f"打过 {WANG}"}
    await popline.api("PATCH", f"/complaints/{made[1]['id']}", user="a1001", body=change)
    await popline.api("POST", "/logout", user="a1001")
    await popline.parts.ctx.ledger.settled(10)
    _, log = await popline.api("GET", "/audit", user="boss")
    assert sorted((e["who"], e["action"]) for e in log["items"]) == [
        *(("a1001", "edit"), ("a1001", "logout"), ("a1001", "view"), ("boss", "reveal")),
    ]
    edit = next(e for e in log["items"] if e["action"] == "edit")
    assert edit["detail"]["changes"] == {"cause": ["", "打过 138****8000"]}
    _, mine = await popline.api("GET", f"/audit?subject=customer:{one}", user="boss")
    assert [e["action"] for e in mine["items"]] == ["view"]
    assert (await popline.api("GET", "/audit", user="a1002"))[0] == 403
    headers = {"Authorization": f"Bearer {await popline.token('boss')}"}
    url = f"{popline.base}/api/v1/audit/export.xlsx?who=a1001"
    async with popline.http.get(url, headers=headers) as answer:
        book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
    assert sorted(c.value for c in book["审计"]["C"]) == sorted(["操作", "退出", "修改", "查看客户"])
    entries = await popline.parts.ctx.db.run(repos.list_audit)
    assert (entries[0]["action"], entries[0]["detail"]) == ("export", {"rows": 3})
