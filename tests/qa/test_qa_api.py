"""The QA desk's API on a running service: lists, one call, sound, steps, roles, figures, rules."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from cti.speech.start import rules_of
from cti.speech.worker import SpeechWorker
from cti.store import repos
from cti.store.db import Database
from cti.store.passwords import hash_password
from cti.store.tables import audit, complaints
from cti.store.tables_quality import recordings
from tests.plugins.qa import Archive
from tests.plugins.screenpop import WANG, PopLine
from tests.qa.speech_worker import saying

PEOPLE = {  # user name → roles, agent, team
    "qa1": (("qa",), "", ""),
    "qa2": (("qa",), "", ""),
    "lead": (("qa_lead",), "", ""),
    "boss_a": (("supervisor",), "", "A组"),
    "boss_b": (("supervisor",), "", "B组"),
    "s1001": (("agent",), "1001", "A组"),
    "s1002": (("agent",), "1002", "B组"),
}
DAY = {
    "from": (datetime.now(UTC) - timedelta(days=2)).isoformat(),
    "to": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
}
SPAN = f"from={DAY['from'].replace('+', '%2B')}&to={DAY['to'].replace('+', '%2B')}"
_HASH = hash_password("correct-horse")


class Desk:
    """A service with recorded and scored calls."""

    def __init__(self, popline: PopLine, archive: Archive) -> None:
        self.line, self.archive = popline, archive

    async def get(self, path: str, user: str = "lead", status: int = 200) -> Any:
        got, body = await self.line.api("GET", path, user=user)
        assert got == status, body
        return body

    async def post(self, path: str, body: Any, user: str, status: int = 200) -> Any:
        got, answer = await self.line.api("POST", path, user=user, body=body)
        assert got == status, answer
        return answer

    def score(self) -> None:
        """The real worker goes through the line."""
        settings = self.line.parts.ctx.settings
        worker = SpeechWorker(settings, self.archive.db, rules_of(settings), saying)
        while worker.once():
            pass

    async def step(self, id: str, name: str, user: str, status: int = 200, **body: Any) -> Any:
        """One step on the version that is there now."""
        now = (await self.get(f"/qa/calls/{id}"))["review"]["version"]
        return await self.post(f"/qa/calls/{id}/{name}", {"version": now, **body}, user, status)

    async def review(self, id: str, user: str = "qa1", decision: str = "hit", **body: Any) -> Any:
        """Decide every automatic fault alike, and be done."""
        seen = await self.get(f"/qa/calls/{id}", user)
        faults = [r["rule"] for r in seen["sheet"] if r["auto"] == "fail"]
        decisions = [{"rule": r, "decision": decision} for r in faults]
        return await self.step(id, "review", user, decisions=decisions, done=True, **body)


@pytest.fixture
async def desk(start_popline: Callable[..., Any], seeded_url: str, tmp_path: Path) -> Any:
    """The desk on SQLite with nothing recorded yet."""
    folder = tmp_path / "monitor"
    folder.mkdir()
    db = Database(seeded_url)
    with db.begin() as conn:
        for name, (roles, agent, team) in PEOPLE.items():
            repos.add_user(
                conn,
                username=name,
                password_hash=_HASH,
                name=f"{name}员",
                roles=roles,
                now=datetime.now(UTC),
                agent=agent,
                team=team,
            )
    popline = await start_popline(seeded_url, recording={"directory": str(folder)})
    yield Desk(popline, Archive(db, folder))
    db.close()


async def test_a_scored_call_is_on_the_desk_with_its_evidence(desk: Desk) -> None:
    """List and detail show the call, both outlines, speech, turns, and the sheet with what was heard."""
    id = desk.archive.call(number_display=WANG, number_key=f"mobile:{WANG}")
    before = await desk.get(f"/qa/calls/{id}")
    assert (before["sheet"], before["review"], before["job"]["state"]) == ([], None, "queued")
    desk.score()
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


async def test_sound_comes_by_id_in_ranges_and_is_audited(desk: Desk) -> None:
    """Both legs play with Range, listening is noted once, and names of files are nobody's business."""
    id = desk.archive.call()
    desk.score()
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


async def test_the_whole_way_of_an_appeal(desk: Desk) -> None:
    """Review, publish, appeal, forward, another inspector, final: each by its role, each kept."""
    id = desk.archive.call()
    desk.score()
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
    assert [(a["rule"], a["outcome"]) for a in final["appeals"]] == [("OPN-04", "改判")]
    told = [h["action"] for h in (await desk.get(path, "s1001"))["history"]]
    assert told == ["review", "publish", "appeal", "forward", "assign", "final"]
    everything = [(h["action"], h["who"]) for h in final["history"]]
    assert everything[0][0] == "score"
    assert everything[-1] == ("final", "qa2")


async def test_what_is_looked_at_again_is_not_shown_before_it_is_final(desk: Desk) -> None:
    """While an appeal is being judged the agent still sees the published verdicts."""
    id = desk.archive.call()
    desk.score()
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


async def test_two_inspectors_at_once(desk: Desk) -> None:
    """The second one to save what both have read is told, and nothing of theirs is kept."""
    id = desk.archive.call()
    desk.score()
    version = (await desk.get(f"/qa/calls/{id}"))["review"]["version"]
    body = {"version": version, "decisions": [{"rule": "STA-03", "decision": "hit"}]}
    await desk.post(f"/qa/calls/{id}/review", body, "qa1")
    late = {"version": version, "decisions": [{"rule": "STA-03", "decision": "false_hit"}]}
    answer = await desk.post(f"/qa/calls/{id}/review", late, "qa2", 409)
    assert answer["error"]["code"] == "stale"
    row = next(r for r in (await desk.get(f"/qa/calls/{id}"))["sheet"] if r["rule"] == "STA-03")
    assert (row["decision"]["decision"], row["decision"]["by"]) == ("hit", "qa1")


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
async def test_pages_are_for_their_roles(desk: Desk, user: str, path: str, status: int) -> None:
    """Who may not see a part gets 403."""
    await desk.get(path, user, status)


async def test_people_see_what_they_may(desk: Desk) -> None:
    """Inspectors see all, a team's supervisor the team, an agent only own published calls."""
    first, second = desk.archive.call(agent="1001"), desk.archive.call(agent="1002")
    desk.score()

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


async def test_filters_and_paging(desk: Desk) -> None:
    """Each filter leaves the calls that it names; pages follow each other without gap."""
    ids = [desk.archive.call(agent=a, queue=q) for a, q in (("1001", "hotline"), ("1002", "vip"))]
    desk.score()
    waiting = desk.archive.call(agent="1003", job="waiting")
    with desk.archive.db.begin() as conn:
        linkedid = conn.execute(
            sa.select(recordings.c.linkedid).where(recordings.c.id == ids[1])
        ).scalar_one()
        now = datetime.now(UTC)
        row = {"code": "TS20250309-0003", "category": "破损", "summary": "压坏", "state": "open"}
        conn.execute(
            sa.insert(complaints).values(
                **row, opened_at=now, updated_at=now, node="pbx1", linkedid=linkedid, waybill="SF1"
            )
        )

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


async def test_samples_are_drawn_by_seed_and_precision_comes_from_them_alone(desk: Desk) -> None:
    """Same seed, same calls; each agent his share; precision counts decisions on sampled calls only."""
    ids = [desk.archive.call(agent=a) for a in ("1001", "1001", "1001", "1002")]
    desk.score()
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


async def test_the_dashboard_counts(desk: Desk) -> None:
    """Calls, coverage, trends by agent, team and rule, backlog; an agent sees only the published."""
    ids = [desk.archive.call(agent=a) for a in ("1001", "1002")]
    desk.score()
    desk.archive.call(agent="1001", job="waiting")
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


async def test_a_changed_rule_is_tried_before_it_is_live(desk: Desk) -> None:
    """The preview says which verdicts a changed file would change, and writes nothing."""
    id = desk.archive.call()
    desk.score()
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


async def test_export_is_a_workbook_without_formulas(desk: Desk) -> None:
    """The file holds the calls of the filter; a name that begins with = stays text."""
    desk.archive.call()
    with desk.archive.db.begin() as conn:
        user = repos.user_by_name(conn, "s1001")
        assert user is not None
        repos.update_user(conn, user.id, now=datetime.now(UTC), name="=1+1")
    desk.score()
    headers = {"Authorization": f"Bearer {await desk.line.token('qa1')}"}
    async with desk.line.http.get(f"{desk.line.base}/api/v1/qa/export.xlsx", headers=headers) as answer:
        assert answer.status == 200
        book = load_workbook(io.BytesIO(await answer.read()))
    assert book.sheetnames[:2] == ["通话", "判定"]
    rows = list(book["通话"].iter_rows())
    assert (rows[1][4].value, rows[1][4].data_type) == ("=1+1", "s")
    assert {r[1].value for r in book["判定"].iter_rows(min_row=2)} >= {"OPN-01", "STA-03"}


async def test_jobs_and_meta(desk: Desk) -> None:
    """Progress, workers and the engine are shown; a person can ask for a call that was not chosen."""
    id = desk.archive.call(job="waiting")
    jobs = await desk.get("/qa/jobs")
    assert (jobs["total"], jobs["counts"]["waiting"], jobs["items"][0]["call"]) == (1, 1, id)
    await desk.post(f"/qa/calls/{id}/transcribe", {}, "s1001", 403)
    asked = await desk.post(f"/qa/calls/{id}/transcribe", {}, "qa1")
    assert asked["job"]["state"] == "queued"
    desk.score()
    assert (await desk.get("/qa/jobs?state=done"))["total"] == 1
    await desk.post(f"/qa/calls/{id}/transcribe", {}, "qa1", 409)
    meta = await desk.get("/qa/meta")
    assert {i["username"] for i in meta["inspectors"]} == {"qa", "qa1", "qa2", "lead"}
    assert (meta["engine"]["name"], meta["engine"]["reason"]) == ("saying", "for a test")


async def test_junk_is_refused(desk: Desk) -> None:
    """Ids, versions and rules that make no sense are answered, not obeyed."""
    id = desk.archive.call()
    desk.score()
    await desk.get("/qa/calls/..%2f..%2fetc", status=404)
    await desk.get("/qa/calls/none", status=404)
    await desk.step(id, "review", "qa1", 422, decisions=[{"rule": "NO-99", "decision": "hit"}])
    await desk.step(id, "review", "qa1", 422, decisions=[{"rule": "STA-03", "decision": "maybe"}])
    bad = {"rule": "STA-03", "leg": "agent", "t0": 5, "t1": 1}
    await desk.step(id, "review", "qa1", 422, added=[bad])
    await desk.step(id, "publish", "qa1", 409)
    await desk.step(id, "assign", "lead", 404, inspector="nobody")
    await desk.get("/qa/dashboard?from=2020-01-01T00:00:00Z&to=2025-01-01T00:00:00Z", status=422)
