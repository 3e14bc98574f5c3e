"""The QA desk's API on a running service and both stores: lists, one call, sound, who sees what."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cti.store.tables import audit
from tests.plugins.qa_desk import QaDesk
from tests.plugins.screenpop import WANG


async def test_a_scored_call_is_on_the_desk_with_its_evidence(qa_desk_on_both: QaDesk) -> None:
    """List and detail show the call, both outlines, speech, turns, and the sheet with what was heard."""
    desk = qa_desk_on_both
    id = desk.call(number_display=WANG, number_key=f"mobile:{WANG}")
    before = await desk.get(f"/qa/calls/{id}")
    assert (before["sheet"], before["review"], before["job"]["state"]) == ([], None, "queued")
    await desk.score()
    (item,) = (await desk.get("/qa/calls"))["items"]
    assert (item["id"], item["agent"], item["queue_label"], item["number"]) == (
        id,
        "1001",
        "热线",
        "138****8000",
    )
    assert item["score"] == item["auto_score"]
    seen = await desk.get(f"/qa/calls/{id}")
    opening = next(r for r in seen["sheet"] if r["rule"] == "OPN-01")
    assert (opening["verdict"], opening["note"]) == ("pass", "系统默认，待确认")
    closing = next(r for r in seen["sheet"] if r["rule"] == "STA-03")
    assert closing["verdict"] == "fail"
    assert "谢您的来电" in closing["evidence"][0]["due"]
    for role in ("agent", "caller"):
        leg = seen["legs"][role]
        assert leg["state"] == "ok"
        assert abs(len(leg["peaks"]["values"]) / 50 - 20) < 0.1
        assert max(leg["peaks"]["values"]) > 5
        assert leg["speech"]
    assert [t["role"] for t in seen["turns"]][:1] == ["agent"]
    assert "欢迎致电" in seen["turns"][0]["text"]
    assert seen["audio"]


async def test_sound_comes_by_id_in_ranges_and_is_audited(qa_desk_on_both: QaDesk) -> None:
    """Both legs play with Range, listening is noted once, and names of files are nobody's business."""
    desk = qa_desk_on_both
    id = desk.call()
    await desk.score()
    token = await desk.line.token("qa1")
    url = f"{desk.line.base}/api/v1/qa/calls/{id}/audio/agent"
    headers = {"Authorization": f"Bearer {token}"}
    async with desk.line.http.get(url, headers={**headers, "Range": "bytes=0-43"}) as answer:
        assert (answer.status, answer.content_type) == (206, "audio/wav")
        assert (await answer.read())[:4] == b"RIFF"
    async with desk.line.http.get(url, headers=headers) as answer:
        assert answer.status == 200
        assert len(await answer.read()) == 44 + 20 * 16000
    async with desk.line.http.get(url) as answer:
        assert answer.status == 401
    assert (await desk.line.api("GET", f"/qa/calls/{id}/audio/both", user="qa1"))[0] == 404
    assert (await desk.line.api("GET", f"/qa/calls/{id}/audio/agent", user="s1001"))[0] == 404
    with desk.archive.db.begin(write=False) as conn:
        heard = conn.execute(sa.select(audit.c.who).where(audit.c.action == "listen")).scalars().all()
    assert list(heard) == ["qa1"]
    assert "1700000001" not in str(await desk.get(f"/qa/calls/{id}"))


@pytest.mark.parametrize(
    ("user", "path", "status"),
    [
        ("s1001", "/qa/jobs", 403),
        ("s1001", "/qa/rules", 403),
        ("s1001", "/qa/samples", 403),
        ("s1001", "/qa/export.xlsx", 403),
        ("boss", "/qa/rules", 403),
        ("qa1", "/qa/rules", 200),
        ("boss", "/qa/jobs", 200),
        ("root", "/qa/rules", 200),
    ],
)
async def test_pages_are_for_their_roles(qa_desk_on_both: QaDesk, user: str, path: str, status: int) -> None:
    """Who may not see a part gets 403."""
    desk = qa_desk_on_both
    await desk.get(path, user, status)


async def test_people_see_what_they_may(qa_desk_on_both: QaDesk) -> None:
    """Inspectors see all, a team's supervisor the team, an agent only own published calls."""
    desk = qa_desk_on_both
    first, second = desk.call(agent="1001"), desk.call(agent="1002")
    await desk.score()

    async def seen(user: str, path: str = "/qa/calls") -> set[str]:
        return {c["id"] for c in (await desk.get(path, user))["items"]}

    assert await seen("qa1") == {first, second} == await seen("boss")
    assert (await seen("boss_a"), await seen("boss_b")) == ({first}, {second})
    assert await seen("s1001") == set()
    await desk.review(first)
    await desk.step(first, "publish", "qa1")
    assert await seen("s1001") == {first} == await seen("s1001", "/qa/mine")
    assert await seen("s1002") == set()
    assert (await desk.get("/qa/mine", "qa1", 403))["error"]["code"] == "no_permission"


async def test_filters_and_paging(qa_desk_on_both: QaDesk) -> None:
    """Each filter leaves the calls that it names; pages follow each other without gap."""
    desk = qa_desk_on_both
    ids = [desk.call(agent=a, queue=q) for a, q in (("1001", "hotline"), ("1002", "vip"))]
    await desk.score()
    waiting = desk.call(agent="1003", job="waiting")
    desk.complain(ids[1], code="TS20250309-0003", waybill="SF1")

    async def found(query: str) -> list[str]:
        return [c["id"] for c in (await desk.get(f"/qa/calls?{query}"))["items"]]

    assert await found("sort=started") == [*ids, waiting]
    assert await found("agent=1002") == await found("queue=vip") == [ids[1]]
    assert await found("complaint=true") == await found("q=TS20250309-0003") == [ids[1]]
    assert await found("job=waiting") == [waiting]
    assert await found("rule=STA-03&sort=started") == ids
    assert await found("rule=OPN-01") == []
    assert await found("rule=OPN-01&verdict=pass&sort=started") == ids
    assert await found("team=A%E7%BB%84") == [ids[0]]
    assert await found("score_max=100&sort=started") == ids
    assert [*await found("limit=1&sort=started"), *await found("limit=2&offset=1&sort=started")] == [
        *ids,
        waiting,
    ]
    assert (await desk.get("/qa/calls?limit=1"))["total"] == 3
    item = next(c for c in (await desk.get("/qa/calls"))["items"] if c["id"] == ids[1])
    assert (item["complaint"]["category"], item["complaint"]["waybill"]) == ("破损", "SF1")
    await desk.get("/qa/calls?sort=agent", status=422)


async def test_jobs_and_meta(qa_desk_on_both: QaDesk) -> None:
    """Progress, workers and the engine are shown; a person can ask for a call that was not chosen."""
    desk = qa_desk_on_both
    id = desk.call(job="waiting")
    jobs = await desk.get("/qa/jobs")
    assert (jobs["total"], jobs["counts"]["waiting"], jobs["items"][0]["call"]) == (1, 1, id)
    await desk.post(f"/qa/calls/{id}/transcribe", {}, "s1001", 403)
    asked = await desk.post(f"/qa/calls/{id}/transcribe", {}, "qa1")
    assert asked["job"]["state"] == "queued"
    await desk.score()
    assert (await desk.get("/qa/jobs?state=done"))["total"] == 1
    await desk.post(f"/qa/calls/{id}/transcribe", {}, "qa1", 409)
    meta = await desk.get("/qa/meta")
    assert {i["username"] for i in meta["inspectors"]} == {"qa", "qa1", "qa2", "lead"}
    assert (meta["engine"]["name"], meta["engine"]["reason"]) == ("saying", "for a test")
