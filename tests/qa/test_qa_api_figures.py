"""Samples, figures, rules on trial and the export through the API, on both stores."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from openpyxl import load_workbook

from cti.store import repos
from tests.plugins.qa_desk import QaDesk

DAY = {
    "from": (datetime.now(UTC) - timedelta(days=2)).isoformat(),
    "to": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
}
SPAN = f"from={DAY['from'].replace('+', '%2B')}&to={DAY['to'].replace('+', '%2B')}"


async def test_samples_are_drawn_by_seed_and_precision_comes_from_them_alone(qa_desk_on_both: QaDesk) -> None:
    """Same seed, same calls; each agent his share; precision counts decisions on sampled calls only."""
    desk = qa_desk_on_both
    ids = [desk.call(agent=a) for a in ("1001", "1001", "1001", "1002")]
    await desk.score()
    await desk.post("/qa/sample", {**DAY, "per_agent": 1, "seed": 7}, "qa1", 403)
    sample = await desk.post("/qa/sample", {**DAY, "per_agent": 1, "seed": 7}, "lead")
    assert [(a["agent"], a["population"], a["drawn"]) for a in sample["agents"]] == [
        ("1001", 3, 1),
        ("1002", 1, 1),
    ]
    outside = next(i for i in ids[:3] if i not in sample["calls"])
    await desk.review(outside, decision="false_hit")
    for id in sample["calls"]:
        await desk.review(id)
    again = await desk.post("/qa/sample", {**DAY, "per_agent": 9, "seed": 7}, "lead")
    assert set(again["calls"]) == set(ids) - set(sample["calls"])
    board = await desk.get(f"/qa/dashboard?{SPAN}")
    closing = next(r for r in board["rules"] if r["rule"] == "STA-03")
    # the call reviewed before it was drawn belongs to a random sample now, too
    assert (closing["precision"]["n"], closing["precision"]["hits"]) == (3, 2)
    assert (closing["precision"]["enough"], closing["precision"]["note"]) == (False, "样本不足（n=3）")
    assert 0 < closing["precision"]["low"] < 2 / 3 < closing["precision"]["high"] < 1
    assert [s["seed"] for s in (await desk.get("/qa/samples"))["items"]] == [7, 7]


async def test_the_dashboard_counts(qa_desk_on_both: QaDesk) -> None:
    """Calls, coverage, trends by agent, team and rule, backlog; an agent sees only the published."""
    desk = qa_desk_on_both
    ids = [desk.call(agent=a) for a in ("1001", "1002")]
    await desk.score()
    desk.call(agent="1001", job="waiting")
    board = await desk.get(f"/qa/dashboard?{SPAN}")
    assert (board["calls"], board["scored"], board["coverage"]) == (3, 2, 0.6667)
    assert [(a["agent"], a["calls"], a["scored"]) for a in board["agents"]] == [
        ("1001", 2, 1),
        ("1002", 1, 1),
    ]
    assert {t["team"]: t["calls"] for t in board["teams"]} == {"A组": 2, "B组": 1}
    assert sum(d["calls"] for d in board["trend"]) == 3
    closing = next(r for r in board["rules"] if r["rule"] == "STA-03")
    assert (closing["fail"], closing["pass"], closing["fail_share"]) == (2, 0, 1.0)
    assert board["backlog"]["jobs"]["waiting"] == 1
    await desk.review(ids[0])
    await desk.step(ids[0], "publish", "qa1")
    own = await desk.get(f"/qa/dashboard?{SPAN}", "s1001")
    assert (own["calls"], [a["agent"] for a in own["agents"]]) == (1, ["1001"])
    team = await desk.get(f"/qa/dashboard?{SPAN}", "boss_b")
    assert team["calls"] == 1


async def test_a_changed_rule_is_tried_before_it_is_live(qa_desk_on_both: QaDesk) -> None:
    """The preview says which verdicts a changed file would change, and writes nothing."""
    desk = qa_desk_on_both
    id = desk.call()
    await desk.score()
    rules = await desk.get("/qa/rules")
    file = next(f for f in rules["files"] if f["name"] == "hotline.yaml")
    changed = file["text"].replace("[您好, ", "[您好, 祝您生活愉快, ", 1)
    assert changed != file["text"]
    body = {"files": [{"name": "hotline.yaml", "text": changed}]}
    preview = await desk.post("/qa/rescore-preview", body, "lead")
    assert preview["calls"] == 1
    assert [(c["call"], c["rule"], c["before"]) for c in preview["changes"]] == [(id, "OPN-01", "pass")]
    assert preview["before"] != preview["after"]
    assert len((await desk.get(f"/qa/calls/{id}"))["scores"]) == 1
    wrong = {"files": [{"name": "hotline.yaml", "text": file["text"].replace("weight: 10", "weigth: 10", 1)}]}
    answer = await desk.post("/qa/rescore-preview", wrong, "lead", 422)
    assert answer["error"]["code"] == "bad_rules"
    assert answer["error"]["message"].startswith("hotline.yaml:")
    await desk.post("/qa/rescore-preview", body, "qa1", 403)


async def test_export_is_a_workbook_without_formulas(qa_desk_on_both: QaDesk) -> None:
    """The file holds the calls of the filter; a name that begins with = stays text."""
    desk = qa_desk_on_both
    desk.call()
    with desk.archive.db.begin() as conn:
        user = repos.user_by_name(conn, "s1001")
        assert user is not None
        repos.update_user(conn, user.id, now=datetime.now(UTC), name="=1+1")
    await desk.score()
    headers = {"Authorization": f"Bearer {await desk.line.token('qa1')}"}
    async with desk.line.http.get(f"{desk.line.base}/api/v1/qa/export.xlsx", headers=headers) as answer:
        assert answer.status == 200
        book = load_workbook(io.BytesIO(await answer.read()))
    assert book.sheetnames[:2] == ["通话", "判定"]
    rows = list(book["通话"].iter_rows())
    assert (rows[1][4].value, rows[1][4].data_type) == ("=1+1", "s")
    assert {r[1].value for r in book["判定"].iter_rows(min_row=2)} >= {"OPN-01", "STA-03"}
