"""The review as a table, who hung up by two witnesses, and required beside heard words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
import sqlalchemy as sa

from cti.ami.message import Message
from cti.ami.recordings import RecordingWatch, StepKind
from cti.domain.review import (
    EDGES,
    ROLES,
    Decision,
    ReviewReason,
    ReviewState,
    actions,
    advance,
    manual_verdict,
    reason_for,
)
from cti.domain.roster import Roster
from cti.errors import StateError
from cti.quality.compare import compare, pause_of
from cti.store.repos.recordings import apply_step, chosen, hung_up_by, recording_id, spans
from cti.store.repos.reviews import effective
from cti.store.tables_quality import recordings, speech_jobs
from tests.plugins.qa import Archive

AT = datetime(2025, 3, 9, tzinfo=UTC)
S = ReviewState


def test_the_whole_way_of_the_workflow() -> None:
    """From the automatic score over an appeal to the final word, step by step."""
    way = ("queue", "review", "publish", "appeal", "forward", "assign", "final")
    state = S.AUTO_SCORED
    for action in way:
        state = advance(state, action)
    assert state is S.FINAL
    assert advance(S.PUBLISHED, "acknowledge") is S.ACKNOWLEDGED
    assert advance(S.APPEALED, "withdraw") is S.PUBLISHED


@pytest.mark.parametrize(("state", "action"), list(product(S, sorted(ROLES))))
def test_only_the_edges_of_the_table_exist(state: ReviewState, action: str) -> None:
    """Every other step is refused with state and action in the text."""
    if (state, action) in EDGES:
        assert action in actions(state)
    else:
        with pytest.raises(StateError, match=f"{state.value}.*{action}"):
            advance(state, action)


def test_every_action_has_a_role_and_every_state_can_be_reached() -> None:
    """No edge without somebody who may take it, no state that nothing leads to."""
    assert {a for _, a in EDGES} == set(ROLES)
    assert {S.AUTO_SCORED, *EDGES.values()} == set(S)
    assert not [e for e in EDGES if e[0] in (S.FINAL, S.ACKNOWLEDGED)]


@pytest.mark.parametrize(
    ("automatic", "decision", "added", "verdict"),
    [
        ("fail", None, False, "fail"),
        ("fail", Decision.HIT, False, "fail"),
        ("fail", Decision.FALSE_HIT, False, "pass"),
        ("review", Decision.NA, False, "na"),
        ("review", None, False, "review"),
        ("pass", None, True, "fail"),
    ],
)
def test_a_persons_word_goes_over_the_machines(
    automatic: str, decision: Decision | None, added: bool, verdict: str
) -> None:
    """Confirmed, rejected, not applicable, added; without a word the machine's stands."""
    assert manual_verdict(automatic, decision, added=added) == verdict


def test_why_a_call_goes_to_a_person() -> None:
    """Fatal before band before low score; a good call goes to nobody."""
    assert reason_for(fatal=True, band=True, score=0, low=60) is ReviewReason.FATAL
    assert reason_for(fatal=False, band=True, score=90, low=60) is ReviewReason.BAND
    assert reason_for(fatal=False, band=False, score=59.9, low=60) is ReviewReason.LOW
    assert reason_for(fatal=False, band=False, score=None, low=60) is ReviewReason.LOW
    assert reason_for(fatal=False, band=False, score=60, low=60) is None


def test_the_second_round_goes_over_the_first() -> None:
    """A fault added in the first review falls when the final one rejects it, and stands otherwise."""
    sheet = {"verdicts": [{"rule": "A", "verdict": "pass"}, {"rule": "B", "verdict": "fail"}]}

    def word(rule: str, decision: str, round: int) -> dict[str, object]:
        return {"rule": rule, "decision": decision, "round": round}

    added, confirmed = word("A", "added", 1), word("B", "hit", 1)
    assert effective(sheet, [added, confirmed])[0] == {"A": "fail", "B": "fail"}
    rejected = [added, confirmed, word("A", "false_hit", 2), word("B", "false_hit", 2)]
    assert effective(sheet, rejected)[0] == {"A": "pass", "B": "pass"}
    again = [added, confirmed, word("A", "false_hit", 1)]
    assert effective(sheet, again)[0]["A"] == "fail"


@pytest.mark.parametrize(
    ("source", "asked", "transferred", "by"),
    [
        ("agent", "agent", False, "agent"),
        ("caller", "caller", False, "caller"),
        ("agent", "caller", False, "unknown"),
        ("caller", "agent", False, "unknown"),
        ("", "caller", False, "caller"),
        ("agent", "", False, "agent"),
        ("", "", False, "unknown"),
        ("agent", "agent", True, "transfer"),
    ],
)
def test_witnesses_must_not_disagree(source: str, asked: str, transferred: bool, by: str) -> None:
    """Who hung up is known when nobody contradicts."""
    assert hung_up_by(source, asked, transferred=transferred) == by


def _event(name: str, **headers: str) -> Message:
    return Message("Event", name, {"Event": name, **headers})


def test_the_first_request_to_hang_up_counts() -> None:
    """Of a recorded and bridged call only; requests of other calls and later ones are nothing."""
    watch = RecordingWatch(Roster({"PJSIP/1001": "1001"}))
    mine = {"Uniqueid": "1.2", "Linkedid": "1.1", "Channel": "PJSIP/1001-0000000a"}
    begin = _event("UserEvent", UserEvent="LaidianRecording", Recording="1.2", **mine)
    (start,) = watch.hear(begin, AT)
    assert (start.kind, start.agent, start.channel) == (StepKind.START, "1001", "PJSIP/1001-0000000a")
    caller = {"Uniqueid": "1.1", "Linkedid": "1.1"}
    assert watch.hear(_event("HangupRequest", **caller), AT) == []  # before the talk
    assert [s.kind for s in watch.hear(_event("BridgeEnter", **mine), AT)] == [StepKind.BRIDGED]
    assert watch.hear(_event("HangupRequest", Uniqueid="9.9", Linkedid="9.9"), AT) == []
    (asked,) = watch.hear(_event("HangupRequest", **caller), AT)
    assert (asked.kind, asked.who) == (StepKind.ASKED, "caller")
    assert watch.hear(_event("HangupRequest", **mine), AT) == []
    end = _event(
        "UserEvent", UserEvent="LaidianHangup", Recording="1.2", Source="PJSIP/trunk-00000001", **mine
    )
    (over,) = watch.hear(end, AT)
    assert (over.kind, over.who, list(watch.open)) == (StepKind.END, "caller", [])


@pytest.mark.parametrize("late", [False, True])
def test_a_transfer_may_be_told_after_the_hang_up_that_it_causes(*, late: bool) -> None:
    """Two threads of the PBX tell of a blind transfer, in either order; a refused one is none."""
    watch = RecordingWatch(Roster({"PJSIP/1001": "1001"}))
    mine = {"Uniqueid": "1.2", "Linkedid": "1.1", "Channel": "PJSIP/1001-0000000a"}
    watch.hear(_event("UserEvent", UserEvent="LaidianRecording", Recording="1.2", **mine), AT)
    end = _event("UserEvent", UserEvent="LaidianHangup", Recording="1.2", Source="", **mine)
    given = _event("BlindTransfer", Result="Success", TransfererUniqueid="1.2")
    refused = _event("BlindTransfer", Result="Fail", TransfererUniqueid="1.2")
    told = [end, refused, given] if late else [refused, given, end]
    kinds = [step.kind for message in told for step in watch.hear(message, AT)]
    assert sorted(kinds) == [StepKind.END, StepKind.TRANSFER]
    assert kinds[-1] is (StepKind.TRANSFER if late else StepKind.END)


def test_a_late_transfer_says_who_ended_the_talk(archive: Archive) -> None:
    """The row of a recording that has ended takes the transfer, and nothing else."""
    id = archive.call(hung_up_by="")
    with archive.db.begin() as conn:
        row = conn.execute(sa.select(recordings).where(recordings.c.id == id)).mappings().one()
        assert row["hung_up_by"] == "unknown"
        late = {"node": "pbx1", "uniqueid": row["uniqueid"], "at": row["ended_at"].isoformat()}
        for kind in ("transfer", "transfer", "hold"):
            apply_step(conn, {**late, "kind": kind})
        after = conn.execute(sa.select(recordings).where(recordings.c.id == id)).mappings().one()
    assert dict(after) == {**row, "hung_up_by": "transfer"}


@pytest.mark.parametrize(("cause", "by", "job"), [("44", "phone", "waiting"), ("16", "unknown", "queued")])
def test_a_talk_that_a_lost_phone_cut_off_is_judged_on_request_only(
    archive: Archive, cause: str, by: str, job: str
) -> None:
    """Nobody hung up: the agent is not marked down for closing words that could not be said."""
    watch = RecordingWatch(Roster({"PJSIP/1001": "1001"}))
    mine = {"Uniqueid": "1.2", "Linkedid": "1.1", "Channel": "PJSIP/1001-0000000a"}
    told = [
        _event("UserEvent", UserEvent="LaidianRecording", Recording="1.2", **mine),
        _event("UserEvent", UserEvent="LaidianHangup", Recording="1.2", Source="", Cause=cause, **mine),
    ]
    with archive.db.begin() as conn:
        for step in (step for message in told for step in watch.hear(message, AT)):
            common = {"node": "pbx1", "uniqueid": step.uniqueid, "at": step.at.isoformat()}
            apply_step(conn, {**common, "kind": step.kind, "who": step.who, "job": "queued"})
        query = sa.select(recordings.c.hung_up_by, speech_jobs.c.state).join(
            speech_jobs, speech_jobs.c.recording_id == recordings.c.id
        )
        assert conn.execute(query).all() == [(by, job)]


def test_somebody_elses_user_event_ends_no_recording() -> None:
    """A UserEvent that names another channel's recording is not believed."""
    watch = RecordingWatch(Roster({}))
    forged = _event("UserEvent", UserEvent="LaidianHangup", Recording="1.2", Uniqueid="5.5", Linkedid="5.5")
    assert watch.hear(forged, AT) == []


def test_open_intervals_end_with_the_recording() -> None:
    """A hold that is never taken back lasts to the end; doubled steps count once."""
    t = [AT + timedelta(seconds=n) for n in range(6)]
    steps = [("hold", t[1], ""), ("hold", t[2], ""), ("resume", t[3], ""), ("hold", t[4], "")]
    assert spans(steps, "hold", "resume", t[5]) == [(t[1], t[3]), (t[4], t[5])]


def test_the_sampled_share_is_the_same_for_ever() -> None:
    """Whether a call is chosen depends on its id alone, and about the share is."""
    ids = [recording_id("pbx1", f"17.{n}") for n in range(4000)]
    picked = [i for i in ids if chosen(i, 0.1)]
    assert picked == [i for i in ids if chosen(i, 0.1)]
    assert 300 < len(picked) < 500
    assert (sum(chosen(i, 0.0) for i in ids), sum(chosen(i, 1.0) for i in ids)) == (0, 4000)


def test_what_sounds_alike_is_not_marked() -> None:
    """Homophones count as the same, other syllables are marked on both sides."""
    found = compare("感谢您的来电", "感谢您的来订")
    assert found is not None
    assert [(p.text, p.same) for p in found[0]] == [("感谢您的来", True), ("电", False)]
    assert [(p.text, p.same) for p in found[1]] == [("感谢您的来", True), ("订", False)]
    alike = compare("来电", "莱垫")
    assert alike is not None
    assert all(p.same for side in alike for p in side)
    assert compare("", "您好") is None


def test_pauses_are_read_from_their_evidence() -> None:
    """Measured and required milliseconds of a GAP."""
    assert pause_of("停顿 3.8 s", "要求 4.5 s–10.0 s") == (3800, 4500, 10000)
    assert pause_of("说话共 3.8 s", "无声") is None
