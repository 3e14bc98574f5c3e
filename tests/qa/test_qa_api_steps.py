"""The steps of a review through the API, on both stores: roles, appeals, two at once, junk."""

from __future__ import annotations

from typing import Any

from tests.plugins.qa_desk import QaDesk


async def test_the_whole_way_of_an_appeal(qa_desk_on_both: QaDesk) -> None:
    """Review, publish, appeal, forward, another inspector, final: each by its role, each kept."""
    desk = qa_desk_on_both
    id = desk.call()
    await desk.score()
    path = f"/qa/calls/{id}"
    seen = await desk.get(path, "qa1")
    faults = [r["rule"] for r in seen["sheet"] if r["auto"] == "fail"]
    assert "STA-03" in faults
    await desk.step(id, "review", "qa1", 409, decisions=[], done=True)  # undecided
    await desk.get(path, "s1001", 404)
    extra = {"rule": "OPN-04", "leg": "agent", "t0": 1000, "t1": 2000, "comment": "听到了"}
    reviewed = await desk.review(id, "qa1", added=[extra], comment="请注意")
    assert (reviewed["review"]["state"], reviewed["manual_score"]) == ("reviewed", 0.0)  # OPN-04 is fatal
    assert [a["rule"] for a in reviewed["added"]] == ["OPN-04"]
    await desk.step(id, "publish", "s1001", 403)
    await desk.step(id, "publish", "qa1")
    mine = await desk.get(path, "s1001")
    assert set(mine["actions"]) == {"acknowledge", "appeal"}
    assert mine["scores"] == []
    await desk.get(path, "s1002", 404)
    await desk.step(id, "appeal", "s1001", items=[{"rule": "OPN-04", "reason": "没有说"}])
    await desk.step(id, "forward", "boss_b", 404)
    await desk.step(id, "forward", "boss_a", comment="属实")
    same = await desk.step(id, "assign", "lead", 409, inspector="qa1")
    assert same["error"]["code"] == "same_inspector"
    await desk.step(id, "assign", "lead", inspector="qa2")
    await desk.step(id, "final", "qa1", 403, decisions=[])
    verdict = [{"rule": "OPN-04", "decision": "false_hit", "comment": "确实没有"}]
    final = await desk.step(id, "final", "qa2", decisions=verdict)
    assert final["review"]["state"] == "final"
    assert final["manual_score"] == 0.0
    assert final["final_score"] == final["score"] > 0
    assert [(a["rule"], a["outcome"]) for a in final["appeals"]] == [("OPN-04", "upheld")]
    told = [h["action"] for h in (await desk.get(path, "s1001"))["history"]]
    assert told == ["review", "publish", "appeal", "forward", "assign", "final"]
    everything = [(h["action"], h["who"]) for h in final["history"]]
    assert everything[0][0] == "score"
    assert everything[-1] == ("final", "qa2")


async def test_what_is_looked_at_again_is_not_shown_before_it_is_final(qa_desk_on_both: QaDesk) -> None:
    """While an appeal is being judged the agent still sees the published verdicts."""
    desk = qa_desk_on_both
    id = desk.call()
    await desk.score()
    await desk.review(id)
    await desk.step(id, "publish", "qa1")
    await desk.step(id, "appeal", "s1001", items=[{"rule": "STA-03", "reason": "说了"}])
    await desk.step(id, "forward", "boss_a")
    await desk.step(id, "assign", "lead", inspector="qa2")
    draft = [{"rule": "STA-03", "decision": "false_hit"}]
    await desk.step(id, "review", "qa2", decisions=draft, done=False)

    def closing(body: Any) -> str:
        return str(next(r["verdict"] for r in body["sheet"] if r["rule"] == "STA-03"))

    assert closing(await desk.get(f"/qa/calls/{id}", "qa2")) == "pass"
    assert closing(await desk.get(f"/qa/calls/{id}", "s1001")) == "fail"


async def test_two_inspectors_at_once(qa_desk_on_both: QaDesk) -> None:
    """The second one to save what both have read is told, and nothing of theirs is kept."""
    desk = qa_desk_on_both
    id = desk.call()
    await desk.score()
    version = (await desk.get(f"/qa/calls/{id}"))["review"]["version"]
    body = {"version": version, "decisions": [{"rule": "STA-03", "decision": "hit"}]}
    await desk.post(f"/qa/calls/{id}/review", body, "qa1")
    late = {"version": version, "decisions": [{"rule": "STA-03", "decision": "false_hit"}]}
    answer = await desk.post(f"/qa/calls/{id}/review", late, "qa2", 409)
    assert answer["error"]["code"] == "stale"
    row = next(r for r in (await desk.get(f"/qa/calls/{id}"))["sheet"] if r["rule"] == "STA-03")
    assert (row["decision"]["decision"], row["decision"]["by"]) == ("hit", "qa1")


async def test_junk_is_refused(qa_desk_on_both: QaDesk) -> None:
    """Ids, versions and rules that make no sense are answered, not obeyed."""
    desk = qa_desk_on_both
    id = desk.call()
    await desk.score()
    await desk.get("/qa/calls/..%2f..%2fetc", status=404)
    await desk.get("/qa/calls/none", status=404)
    await desk.step(id, "review", "qa1", 422, decisions=[{"rule": "NO-99", "decision": "hit"}])
    await desk.step(id, "review", "qa1", 422, decisions=[{"rule": "STA-03", "decision": "maybe"}])
    bad = {"rule": "STA-03", "leg": "agent", "t0": 5, "t1": 1}
    await desk.step(id, "review", "qa1", 422, added=[bad])
    await desk.step(id, "publish", "qa1", 409)
    await desk.step(id, "assign", "lead", 404, inspector="nobody")
    await desk.get("/qa/dashboard?from=2020-01-01T00:00:00Z&to=2025-01-01T00:00:00Z", status=422)
