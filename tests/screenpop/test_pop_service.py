"""Pops over the real socket: who gets what, and what stands in the ledger afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cti.domain.call import CallEventKind as K
from cti.store import repos
from cti.store.repos.sign_ins import SignIn, sign_ins
from cti.store.tables import pops
from screenpop import wire
from screenpop.presence import Presence
from tests.plugins.screenpop import LIU, SHARED, WAITS_S, WANG, PopLine, Story


async def test_pop_holds_caller_customer_tier_and_greeting(popline: PopLine) -> None:
    """domain.md §3: number and place, tier and scheme, green channel — a known number rings: name, tier,
    place, outcome, rule and the sentence to say are there."""
    async with popline.page("a1001") as page:
        popline.hear(*Story(caller_name="王").rings("1001"))
        pop = await page.next("pop")
    assert pop["call"]["state"] == "ringing"
    assert (pop["call"]["queue"], pop["call"]["queue_label"]) == ("hotline", "热线")
    assert (pop["caller"]["outcome"], pop["caller"]["rule"], pop["caller"]["class"]) == (
        "one",
        "exact",
        "mobile",
    )
    assert pop["caller"]["place"] == "北京市"
    assert (pop["customer"]["name"], pop["customer"]["tier"]["label"]) == ("王小明", "VIP客户")
    assert pop["customer"]["green_channel"] is True
    assert pop["hints"]["greeting"] == "王先生，请问有什么可以帮助您？"
    assert pop["history"]["waybills"][0]["number"] == "SF1234567890"
    assert wire.Pop.model_validate(pop).id == pop["id"]


async def test_agents_see_masked_numbers_also_in_notes_and_names(popline: PopLine) -> None:
    """No whole number reaches an agent's page, wherever it was hidden."""
    story = Story(caller_name=WANG)
    async with popline.page("a1001") as page:
        popline.hear(*story.rings("1001"))
        pop = await page.next("pop")
        popline.hear(story.tell(K.CONTEXT, context={"path": f"回拨 {LIU}", "waybill": "SF1234567890"}))
        update = await page.next("pop_update")
    text = json.dumps([pop, update], ensure_ascii=False)
    assert WANG not in text
    assert LIU not in text
    assert pop["caller"]["number"] == pop["caller"]["display"] == "138****8000"
    assert pop["customer"]["note"] == "备用 138****8000"
    assert update["changes"]["context"] == {"path": "回拨 139****9000", "waybill": "SF1234567890"}


async def test_ring_all_reaches_three_agents_and_only_one_keeps_it(popline: PopLine) -> None:
    """Each of three agents gets a pop of their own; two hear who answered."""
    story = Story()
    async with popline.page("a1001") as one, popline.page("a1002") as two, popline.page("a1003") as three:
        popline.hear(*story.rings("1001", "1002", "1003"))
        pops = [await p.next("pop") for p in (one, two, three)]
        popline.hear(*story.answered("1002", "1001", "1003"))
        closes = [await p.next("pop_close") for p in (one, three)]
        update = await two.next("pop_update")
    assert len({p["id"] for p in pops}) == 3
    assert [(c["id"], c["reason"], c["by"]) for c in closes] == [
        (pops[0]["id"], "answered_elsewhere", "1002"),
        (pops[2]["id"], "answered_elsewhere", "1002"),
    ]
    assert (update["id"], update["changes"]["call"]["state"]) == (pops[1]["id"], "talking")


async def test_agent_sees_only_own_pops(popline: PopLine) -> None:
    """Another agent's pop comes neither by socket nor snapshot, nor by any address that takes its id."""
    story = Story()
    async with popline.page("a1001") as mine, popline.page("a1002") as other:
        popline.hear(*story.rings("1001"))
        pop = await mine.next("pop")
        popline.hear(*story.answered("1001"))
        await mine.next("pop_update")
        await other.ws.send_json({"type": "ack", "id": pop["id"]})
        assert await other.silent() == []
    async with popline.page("a1002") as again:
        assert again.messages[0]["snapshot"] == []
    id = pop["id"]
    tries: list[tuple[str, str, Any]] = [
        ("GET", f"/pops/{id}", None),
        ("PUT", f"/pops/{id}/draft", {"note": "x"}),
        ("POST", f"/pops/{id}/wrapup", {"note": "x"}),
        ("POST", f"/pops/{id}/choose", {"customer_id": 1}),
        ("POST", "/reveal", {"what": "pop", "id": id}),
        ("POST", "/reveal", {"what": "number", "id": 1, "pop_id": id}),
        ("POST", "/complaints", {"pop_id": id, "category": "延误", "text": "x"}),
    ]
    for method, path, body in tries:
        assert (await popline.api(method, path, user="a1002", body=body))[0] == 404, path
    assert (await popline.api("POST", "/reveal", user="a1002", body={"what": "number", "id": 1}))[0] == 403
    assert (await popline.api("GET", "/ledger", user="a1002"))[0] == 403
    assert (await popline.api("GET", "/pops", user="a1002"))[1]["items"] == []
    assert (await popline.row(id))["acked_at"] is None


@pytest.mark.parametrize(
    ("number", "outcome", "cls"),
    [
        (WANG, "one", "mobile"),
        (SHARED, "many", "mobile"),
        ("13000000000", "none", "mobile"),
        ("anonymous", "anonymous", "anonymous"),
        ("", "anonymous", "anonymous"),
        ("138****8000", "masked", "masked"),
        ("95338", "service", "service"),
    ],
)
async def test_every_outcome_is_shown_as_such(popline: PopLine, number: str, outcome: str, cls: str) -> None:
    """Outcome and class of the number are told, and without certainty there is no customer."""
    async with popline.page("a1001") as page:
        popline.hear(*Story(number=number).rings("1001"))
        pop = await page.next("pop")
    assert (pop["caller"]["outcome"], pop["caller"]["class"]) == (outcome, cls)
    assert (pop["customer"] is not None) == (outcome == "one")
    assert len(pop["candidates"]) == (2 if outcome == "many" else 0)
    if outcome != "one":
        assert pop["hints"]["greeting"] == "您好，请问有什么可以帮助您？"


async def test_waybill_typed_in_the_menu_finds_the_customer(popline: PopLine) -> None:
    """An unknown number with a known waybill is shown as its customer, by rule waybill."""
    story = Story(number="13000000000")
    async with popline.page("a1001") as page:
        popline.hear(story.tell(K.ARRIVED), story.tell(K.CONTEXT, context={"waybill": "SF1234567890"}))
        popline.hear(*story.rings("1001"))
        message = await page.next("pop")
        if message["caller"]["outcome"] != "one":
            changes = (await page.until("pop_update", lambda m: "customer" in m["changes"]))["changes"]
            message = {**message, **changes}
    assert (message["caller"]["rule"], message["customer"]["name"]) == ("waybill", "王小明")
    assert message["hints"]["greeting"] == "王先生，请问有什么可以帮助您？"


async def test_agent_chooses_among_several_customers(popline: PopLine) -> None:
    """The chosen one becomes the customer for everybody who has the call; others are refused."""
    async with popline.page("a1001") as page, popline.page("a1002") as other:
        popline.hear(*Story(number=SHARED).rings("1001", "1002"))
        pop = await page.next("pop")
        await other.next("pop")
        wanted = next(c["id"] for c in pop["candidates"] if c["name"] == "欧阳静")
        path = f"/pops/{pop['id']}/choose"
        assert (await popline.api("POST", path, user="a1001", body={"customer_id": 1}))[0] == 404
        status, chosen = await popline.api("POST", path, user="a1001", body={"customer_id": wanted})
        update = await other.next("pop_update")
    assert (status, chosen["customer"]["name"]) == (200, "欧阳静")
    assert (chosen["caller"]["outcome"], chosen["caller"]["rule"]) == ("one", "chosen")
    assert update["changes"]["hints"]["greeting"] == "欧阳女士，请问有什么可以帮助您？"


async def test_card_lives_through_talk_and_wrap_up_and_becomes_a_contact(popline: PopLine) -> None:
    """domain.md §1: interaction history — draft kept, 话后完成 closes as completed, the contact history has
    note, disposition and times."""
    story = Story()
    async with popline.page("a1001") as page:
        popline.hear(*story.rings("1001"))
        pop = await page.next("pop")
        await page.ack(pop)
        path = f"/pops/{pop['id']}"
        popline.hear(*story.answered("1001"))
        body = {"note": "催件", "disposition": "催派"}
        assert (await popline.api("PUT", f"{path}/draft", user="a1001", body=body))[0] == 200
        status, answer = await popline.api("POST", f"{path}/wrapup", user="a1001", body=body)
        assert (status, answer["error"]["code"]) == (409, "call_is_on")
        popline.hear(*story.over("1001"))
        update = await page.until("pop_update", lambda m: m["changes"]["call"]["state"] == "wrapup")
        assert update["changes"]["call"]["wrapup_until"] > update["changes"]["call"]["wrapup_at"]
        body = {"note": "已催派送", "disposition": "催派"}
        assert (await popline.api("POST", f"{path}/wrapup", user="a1001", body=body))[0] == 202
        close = await page.next("pop_close")
    assert (close["id"], close["reason"]) == (pop["id"], "completed")
    row = await popline.row(pop["id"])
    assert (row["reason"], row["note"], row["disposition"]) == ("completed", "已催派送", "催派")
    _, body = await popline.api("GET", f"/customers/{pop['customer']['id']}/timeline", user="a1001")
    assert [(i["kind"], i["title"], i["agent"]) for i in body["items"] if i["kind"] == "call"] == [
        ("call", "已催派送", "1001")
    ]
    contact = await popline.parts.ctx.db.run(
        lambda c: repos.contact_of_call(c, "pbx1", "1700000000.1", "1001")
    )
    assert contact is not None
    assert (contact["disposition"], contact["channel"], contact["pop_id"]) == ("催派", "call", pop["id"])


async def test_wrap_up_ends_by_itself_with_what_was_typed(
    start_popline: Callable[..., Any], seeded_url: str
) -> None:
    """When the time is over the card closes and the draft is in the contact history."""
    queue = {"name": "hotline", "label": "热线", "wrapup_s": 1}
    popline: PopLine = await start_popline(seeded_url, queues=[queue])
    story = Story()
    async with popline.page("a1001") as page:
        popline.hear(*story.rings("1001"), *story.answered("1001"))
        pop = await page.next("pop")
        draft = {"note": "写到一半", "disposition": "咨询"}
        await popline.api("PUT", f"/pops/{pop['id']}/draft", user="a1001", body=draft)
        popline.hear(*story.over("1001"))
        assert (await page.next("pop_close"))["reason"] == "completed"
    await popline.row(pop["id"])
    contact = await popline.parts.ctx.db.run(
        lambda c: repos.contact_of_call(c, "pbx1", "1700000000.1", "1001")
    )
    assert contact is not None
    assert (contact["note"], contact["disposition"]) == ("写到一半", "咨询")
    late = {"note": "写完了", "disposition": "咨询"}
    assert (await popline.api("POST", f"/pops/{pop['id']}/wrapup", user="a1001", body=late))[0] == 202
    await popline.row(pop["id"])
    contact = await popline.parts.ctx.db.run(
        lambda c: repos.contact_of_call(c, "pbx1", "1700000000.1", "1001")
    )
    assert contact is not None
    assert contact["note"] == "写完了"


async def test_reload_gives_the_card_and_the_draft_back(popline: PopLine) -> None:
    """On reconnect the snapshot holds the open pop, its state and what was typed."""
    story = Story()
    async with popline.page("a1001") as page:
        popline.hear(*story.rings("1001"), *story.answered("1001"))
        pop = await page.next("pop")
        draft = {"note": "客户说…", "disposition": ""}
        await popline.api("PUT", f"/pops/{pop['id']}/draft", user="a1001", body=draft)
    async with popline.page("a1001") as again:
        ready = again.messages[0]
    assert [(p["id"], p["call"]["state"]) for p in ready["snapshot"]] == [(pop["id"], "talking")]
    assert ready["drafts"] == {pop["id"]: draft}
    assert (ready["version"], ready["agent"]) == (1, "1001")


async def test_tabs_of_one_agent_get_the_same(popline: PopLine) -> None:
    """Two pages of one agent receive identical messages."""
    story = Story()
    async with popline.page("a1001") as one, popline.page("a1001") as two:
        popline.hear(*story.rings("1001"))
        got = [[await p.next("pop")] for p in (one, two)]
        popline.hear(*story.answered("1001"), *story.over("1001"))
        for page, messages in zip((one, two), got, strict=True):
            messages += [await page.next("pop_update") for _ in range(2)]
    assert got[0] == got[1]


async def test_ledger_row_tells_every_step(popline: PopLine) -> None:
    """PBX stamp, received, looked up, pushed, acknowledged, answered, closed: in this order and whole."""
    story = Story()
    async with popline.page("a1001") as page:
        popline.hear(*story.rings("1001"))
        pop = await page.next("pop")
        await page.ack(pop)
        await page.ack(pop)
        await page.silent()
        popline.hear(*story.answered("1001"), *story.over("1001"))
        await page.until("pop_update", lambda m: m["changes"].get("call", {}).get("state") == "wrapup")
        await popline.api("POST", f"/pops/{pop['id']}/wrapup", user="a1001", body={"note": "好"})
        await page.next("pop_close")
    await popline.row(pop["id"])
    _, body = await popline.api("GET", "/ledger?limit=10", user="boss")
    (row,) = [r for r in body["items"] if r["id"] == pop["id"]]
    steps = ("pbx_at", "received_at", "pushed_at", "acked_at", "closed_at")
    assert [row[s] for s in steps] == sorted(row[s] for s in steps)
    assert None not in (row["looked_up_at"], row["answered_at"], row["total_ms"], row["push_ms"])
    assert (row["final"], row["outcome"], row["number"]) == ("completed", "one", "138 0013 8000")
    _, body = await popline.api("GET", "/ledger", user="qa")
    assert body["error"]["code"] == "no_permission"


async def test_abandoned_call_is_a_contact_of_the_customer(popline: PopLine) -> None:
    """Who gave up before anybody answered is found in the history by the next agent."""
    story = Story()
    async with popline.page("a1001") as page:
        popline.hear(*story.rings("1001"))
        pop = await page.next("pop")
        popline.hear(story.tell(K.ABANDONED), story.tell(K.ENDED))
        assert (await page.next("pop_close"))["reason"] == "abandoned"
    await popline.row(pop["id"])
    again = Story("1700000001.1")
    async with popline.page("a1001") as page:
        popline.hear(*again.rings("1001"))
        pop = await page.next("pop")
    assert [c["summary"] for c in pop["history"]["contacts"]] == ["来电放弃，未接通"]


async def test_supervisor_sees_whole_numbers_and_agents_reveal_is_logged(popline: PopLine) -> None:
    """The agent's reveal of the own caller is answered and stands in the audit, without the number itself."""
    story = Story()
    async with popline.page("a1001") as page:
        popline.hear(*story.rings("1001"))
        pop = await page.next("pop")
    status, body = await popline.api("POST", "/reveal", user="a1001", body={"what": "pop", "id": pop["id"]})
    assert (status, body["number"]) == (200, WANG)
    _, customer = await popline.api("GET", f"/customers/{pop['customer']['id']}", user="a1001")
    (number,) = customer["numbers"]
    assert (number["display"], number["key_masked"]) == ("138****8000", True)
    ask = {"what": "number", "id": number["number_id"]}
    assert (await popline.api("POST", "/reveal", user="a1001", body=ask))[1]["number"] == WANG
    assert (await popline.api("POST", "/reveal", user="a1002", body=ask))[0] == 403
    _, customer = await popline.api("GET", f"/customers/{pop['customer']['id']}", user="boss")
    assert customer["numbers"][0]["display"] == "138 0013 8000"
    entries = await popline.parts.ctx.db.run(lambda c: repos.list_audit(c, who="a1001"))
    reveals = [e for e in entries if e["action"] == "reveal"]
    assert {e["subject"] for e in reveals} == {f"pop:{pop['id']}", f"number:{number['number_id']}"}
    assert WANG not in json.dumps([dict(e)["detail"] for e in reveals])


async def test_recovered_events_are_marked(popline: PopLine) -> None:
    """A call that was found by resync is shown, and says so."""
    story = Story(recovered=True)
    async with popline.page("a1001") as page:
        popline.hear(story.tell(K.ANSWERED, agent="1001"))
        pop = await page.next("pop")
    assert (pop["call"]["recovered"], pop["call"]["state"]) == (True, "talking")
    assert pop["caller"]["outcome"] == "one"


async def test_texts_of_callers_are_cut_and_cleaned(popline: PopLine) -> None:
    """A name of 64 KB with control characters neither breaks the pop nor the ledger."""
    story = Story(caller_name="<b>\x00\x1b王" + "长" * 65536)
    async with popline.page("a1001") as page:
        popline.hear(*story.rings("1001"))
        pop = await page.next("pop")
    assert pop["caller"]["name"].startswith("<b>王长")
    assert len(pop["caller"]["name"]) <= 500
    assert (await popline.row(pop["id"]))["snapshot"]["call"]["name"] == pop["caller"]["name"]


async def test_an_open_desk_is_a_sign_in_that_grows(popline: PopLine) -> None:
    """The pages of an agent are one sign-in from first to last look; a supervisor's page is none."""
    ctx = popline.parts.ctx
    began = ctx.now()

    async def kept(match: Callable[[list[SignIn]], bool]) -> list[SignIn]:
        until = began + timedelta(hours=1)
        async with asyncio.timeout(WAITS_S):
            while True:
                found = await ctx.db.run(lambda c: sign_ins(c, since=began, until=until))
                if match(found):
                    return found
                await asyncio.sleep(0.02)

    async with popline.page("a1001"), popline.page("a1001"), popline.page("boss"):
        presence = Presence(ctx.service.hub, ctx.ledger, ctx.now, every_s=0.02)
        presence.start()
        ((_, since, until),) = await kept(lambda rows: bool(rows))
        ((agent, again, _),) = await kept(lambda rows: rows[0][2] > until)
        assert (agent, again) == ("1001", since)
    async with popline.page("a1002"):
        rows = await kept(lambda rows: len(rows) == 2)
        assert [row[0] for row in rows] == ["1001", "1002"]
    await presence.stop()


async def test_a_broken_row_takes_no_other_away(popline: PopLine) -> None:
    """A row of the ledger that nobody understands is left out of an agent's calls; alone it is not found."""
    async with popline.page("a1001") as page:
        popline.hear(*(story := Story()).rings("1001"))
        pop = await page.next("pop")
        popline.hear(story.tell(K.ABANDONED))
        await page.next("pop_close")
    await popline.row(pop["id"])
    ctx = popline.parts.ctx
    broken = {"id": "broken", "node": "pbx1", "linkedid": "9.9", "agent": "1001", "state": "closed"}
    times = {"pbx_at": ctx.now(), "closed_at": ctx.now()}
    await ctx.db.write(lambda c: c.execute(sa.insert(pops).values(**broken, **times, snapshot={})))
    status, listed = await popline.api("GET", "/pops", user="a1001")
    assert (status, [item["id"] for item in listed["items"]]) == (200, [pop["id"]])
    assert (await popline.api("GET", "/pops/broken", user="a1001"))[0] == 404
