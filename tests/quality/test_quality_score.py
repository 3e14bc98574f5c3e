"""A score sheet: three values, evidence, coverage, who said it, and nothing fatal without a person."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from cti.errors import UsageError
from cti.quality.logic import Outcome, Result, all_of, any_of, outcome
from cti.quality.rules import load, load_presets
from cti.quality.score import Score, diff, score, totals
from cti.quality.transcript import Leg, Speech, Transcript, Word, from_json, to_json, turns_of

RULES = load_presets()
GREETING = "您好，欢迎致电顺达速运客户服务热线，客服代表小李很高兴为您服务，请问有什么可以帮助您？"


def call(*turns: tuple[str, str], **more: object) -> Transcript:
    """A scripted hotline call; turns are (role, text)."""
    return from_json(
        {
            "id": "t",
            "company": "顺达速运",
            "direction": "inbound",
            "desk": "hotline",
            "hangup_by": "caller",
            "turns": [{"role": r, "text": t} for r, t in turns],
            **more,
        }
    )


def recognised(transcript: Transcript, *, heard: float = 1.0) -> Transcript:
    """The same call as if a recogniser had read it, `heard` being the share of the agent's speech."""
    agent = replace(
        transcript.agent, speech=tuple(replace(s, heard=heard) for s in transcript.agent.speech), noise=-60.0
    )
    return replace(transcript, exact=False, engine="whisper:test", agent=agent)


def given(sheet: Score, rule: str) -> str:
    return next(v.outcome.value for v in sheet.verdicts if v.rule == rule)


@pytest.mark.parametrize(("a", "b"), list(product([True, False, None], repeat=2)))
def test_kleene_tables(a: bool | None, b: bool | None) -> None:
    """and is the minimum, or the maximum, in the order False < unknown < True."""
    order: dict[bool | None, int] = {False: 0, None: 1, True: 2}
    back: dict[int, bool | None] = {v: k for k, v in order.items()}
    assert all_of([Result(a), Result(b)]).value is back[min(order[a], order[b])]
    assert any_of([Result(a), Result(b)]).value is back[max(order[a], order[b])]


@pytest.mark.parametrize(
    ("applies", "check", "verdict"),
    [
        (False, False, Outcome.NA),
        (True, True, Outcome.PASS),
        (True, False, Outcome.FAIL),
        (True, None, Outcome.REVIEW),
        (None, True, Outcome.PASS),
        (None, False, Outcome.REVIEW),
    ],
)
def test_verdicts_of_three_values(applies: bool | None, check: bool | None, verdict: Outcome) -> None:
    """What is not known is a case for a person, unless nothing hangs on it."""
    assert outcome(Result(applies), Result(check)) is verdict


def test_the_json_has_exactly_the_public_keys() -> None:
    """The printed form is the one that was promised, down to the evidence."""
    data = score(call(("agent", GREETING), ("caller", "我要查件。")), RULES).to_json()
    assert set(data) == {"score", "decided", "fatal", "verdicts", "engine", "rules_version"}
    assert {k for v in data["verdicts"] for k in v} == {"rule", "verdict", "evidence"}
    evidence = [e for v in data["verdicts"] for e in v["evidence"]]
    assert evidence
    assert {k for e in evidence for k in e} == {
        "leg",
        "t0",
        "t1",
        "heard",
        "due",
        "similarity",
        "operator",
    }
    json.dumps(data)


def test_not_said_is_a_fail_only_where_the_speech_was_transcribed() -> None:
    """Under 95 % of the agent's speech read, a missing greeting is for a person to judge."""
    short = call(("agent", "您好，请讲，我在听着呢。"), ("caller", "我要查件。"), ("agent", "好的，请稍等。"))
    assert given(score(recognised(short), RULES), "OPN-01") == "fail"
    assert given(score(recognised(short, heard=0.94), RULES), "OPN-01") == "review"
    assert given(score(short, RULES), "OPN-01") == "fail"


def test_an_unusable_agent_leg_leaves_only_what_the_pbx_knows() -> None:
    """Without the agent's words nothing is failed; who hung up is still known."""
    base = call(("caller", "我要查件。"))
    broken = replace(base, agent=Leg(usable=False, note="broken"), exact=False, engine="whisper:test")
    sheet = score(broken, RULES)
    assert {v.outcome for v in sheet.verdicts} <= {Outcome.REVIEW, Outcome.NA, Outcome.PASS}
    assert given(sheet, "OPN-01") == "review"
    assert given(sheet, "HUP-01") == "pass"


def test_the_callers_words_never_count_against_the_agent() -> None:
    """Every forbidden phrase in the caller's mouth costs the agent nothing."""
    rude = "喂，说话呀！再不说话我就挂了啊！喂，大声一点儿！喂，说吧！"
    sheet = score(call(("agent", GREETING), ("caller", rude)), RULES)
    assert not sheet.fatal
    for rule in ("OPN-02", "OPN-04", "SIL-07", "HFR-02"):
        assert given(sheet, rule) == "pass"


@pytest.mark.parametrize(
    "polite",
    [
        "您好，请您说话大声一点，谢谢。",
        "对不起，麻烦您大声一点儿好吗？",
        "你大声一点儿，我听不清。",
        "您好，您请说，我在听。",
        "好的，您说吧。",
        "如果没有别的问题，您可以先挂机。",
        "对不起，如果您再不说话，我只能先挂了。",
    ],
)
@pytest.mark.parametrize("read_by_engine", [False, True])
def test_polite_words_are_never_fatal(polite: str, read_by_engine: bool) -> None:
    """Near misses of forbidden phrases stay without a fatal fault, true or recognised."""
    transcript = call(("agent", GREETING), ("caller", "我要查件。"), ("agent", polite), ("caller", "好的。"))
    sheet = score(recognised(transcript) if read_by_engine else transcript, RULES)
    assert not sheet.fatal


def test_a_fatal_fault_is_only_proposed_where_words_were_recognised() -> None:
    """The recognised threat is a proposal and keeps the score; the true one makes it zero."""
    threat = call(("agent", "喂，说话呀！再不说话我就挂了啊！"), hangup_by="agent")
    read = score(recognised(threat), RULES)
    assert all(f.proposed for f in read.fatal)
    assert {"OPN-02", "SIL-07", "HUP-01"} == {f.rule for f in read.fatal}
    assert read.value is not None
    assert read.value > 0
    true = score(threat, RULES)
    assert not any(f.proposed for f in true.fatal)
    assert true.value == 0.0


def test_a_lost_first_syllable_is_for_a_person() -> None:
    """大声一点儿 at the start of a recognised turn may have had its 喂: review, not pass, not fatal."""
    transcript = recognised(call(("agent", GREETING), ("caller", "我要查件。"), ("agent", "大声一点儿！")))
    sheet = score(transcript, RULES)
    assert given(sheet, "HFR-02") == "review"
    assert not sheet.fatal


def test_pauses_are_shown_as_measured_and_required() -> None:
    """A pause of 3 s where 5 s are due is a fail that shows both."""
    steps = ["您好！请问有什么可以帮助您？", "您好，请问有什么可以帮助您？"]
    turns = [
        {"role": "agent", "text": steps[0], "start": 0.5, "end": 3.5},
        {"role": "agent", "text": steps[1], "start": 6.5, "end": 9.5},
    ]
    sheet = score(from_json({"turns": turns, "hangup_by": "agent", "duration": 11.0}), RULES)
    verdict = next(v for v in sheet.verdicts if v.rule == "SIL")
    assert verdict.outcome is Outcome.FAIL
    pause = next(e for e in verdict.evidence if e.operator == "GAP")
    assert (pause.t0, pause.t1, pause.heard, pause.due) == (3500, 6500, "停顿 3.0 s", "要求 4.5 s–10.0 s")


def test_hold_does_not_count_as_silence() -> None:
    """A pause that was a hold is taken out of the measured pause."""
    turns = [
        {"role": "agent", "text": "您好！请问有什么可以帮助您？", "start": 0.5, "end": 3.5},
        {"role": "agent", "text": "您好，请问有什么可以帮助您？", "start": 9.0, "end": 12.0},
    ]
    sheet = score(
        from_json({"turns": turns, "hangup_by": "agent", "duration": 13.0, "holds": [[4, 8]]}), RULES
    )
    pause = next(e for v in sheet.verdicts if v.rule == "SIL" for e in v.evidence if e.operator == "GAP")
    assert pause.heard == "停顿 1.5 s"


def test_timing_is_not_judged_where_the_legs_drift() -> None:
    """Untrusted timing turns a wrong pause into a case for a person."""
    turns = [
        {"role": "agent", "text": t, "start": s, "end": e}
        for t, s, e in (
            ("您好！请问有什么可以帮助您？", 0.5, 3.5),
            ("您好，请问有什么可以帮助您？", 6.0, 9.0),
            ("对不起，您的电话没有声音，请您换一部电话再次打来，好吗？再会！", 14.5, 21.0),
        )
    ]
    data = {"turns": turns, "hangup_by": "agent", "duration": 26.5}
    assert given(score(from_json(data), RULES), "SIL") == "fail"
    assert given(score(from_json({**data, "timing_trusted": False}), RULES), "SIL") == "review"


def test_a_stored_transcript_scores_the_same() -> None:
    """What the store keeps is enough to score again without the audio."""
    transcript = recognised(call(("agent", GREETING), ("caller", "我姓王。"), ("agent", "好的，再见。")))
    again = from_json(json.loads(json.dumps(to_json(transcript))))
    assert again == transcript
    assert score(again, RULES) == score(transcript, RULES)


def test_a_changed_rule_shows_what_it_would_change(tmp_path: Path) -> None:
    """diff lists the verdicts and scores that another rule file gives, and nothing else."""
    text = "rules:\n  - id: T-1\n    check: {{say: {{phrases: [{}]}}}}\n"
    files = []
    for name, phrase in (("a", "再见"), ("b", "谢谢")):
        file = tmp_path / f"{name}.yaml"
        file.write_text(text.format(phrase), encoding="utf-8")
        files.append(load([file]))
    calls = [call(("agent", "再见。")), call(("agent", "谢谢，再见。"))]
    changed = diff(calls, *files)
    assert [(c.rule, c.before, c.after) for c in changed.changes] == [("T-1", "pass", "fail")]
    assert changed.scores == (("t", 100.0, 0.0),)


def test_totals_leave_na_and_review_out() -> None:
    """Score over decided weights, decided share over applicable rules."""
    marks = [(Outcome.PASS, 6.0), (Outcome.FAIL, 2.0), (Outcome.REVIEW, 50.0), (Outcome.NA, 50.0)]
    assert totals(marks) == (75.0, 0.6667)
    assert totals([(Outcome.NA, 1.0)]) == (None, 0.0)


def test_turns_follow_who_speaks() -> None:
    """An 嗯 in a pause does not end a turn, a sentence or a long pause does."""

    def leg(*spans: tuple[int, int]) -> Leg:
        return Leg((), tuple(Speech(a, b) for a, b in spans))

    base = call(("agent", "您好。"))
    hum = replace(base, agent=leg((0, 1000), (1500, 3000)), caller=leg((1100, 1400)))
    assert [(t.role, t.t0, t.t1) for t in turns_of(hum)] == [("agent", 0, 3000), ("caller", 1100, 1400)]
    answer = replace(base, agent=leg((0, 1000), (2500, 3000)), caller=leg((1200, 2200)))
    assert [t.role for t in turns_of(answer)] == ["agent", "caller", "agent"]
    pause = replace(base, agent=leg((0, 1000), (4500, 5000)), caller=leg())
    assert [t.role for t in turns_of(pause)] == ["agent", "agent"]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"turns": "none"},
        {"turns": [{"role": "robot", "text": "好"}]},
        {"turns": [{"role": "agent"}]},
        {"turns": [{"role": "agent", "text": "好", "start": 5, "end": 2}]},
        {"turns": [{"role": "agent", "text": "好", "start": "x"}]},
        {"turns": [], "customer": "王"},
        {"form": "laidian-transcript/1"},
    ],
)
def test_a_wrong_transcript_is_one_sentence(data: dict[str, object]) -> None:
    """What is not a transcript is refused with a reason, not with a traceback."""
    with pytest.raises(UsageError):
        from_json(data)


def test_operators_for_parity(tmp_path: Path) -> None:
    """REGEX, COUNT, OVERLAP, RATE, SILENCE, LEVEL and META judge what they name."""
    file = tmp_path / "parity.yaml"
    file.write_text(
        """\
rules:
  - {id: RX, check: {regex: {role: agent, pattern: "运单号码?"}}}
  - {id: CT, check: {count: {of: {phrases: [先生]}, least: 2}}}
  - {id: OV, check: {overlap: {role: agent, min_ms: 500, most: 0}}}
  - {id: RT, check: {rate: {role: agent, least: 2, most: 6}}}
  - {id: GP, check: {not: {silence: {role: caller, min_gap_ms: 8000}}}}
  - {id: LV, check: {level: {role: agent, rise_min: 3, after: [对不起]}}}
  - {id: MT, check: {meta: {desk: [hotline, station]}}}
""",
        encoding="utf-8",
    )
    rules = load([file])
    turns = [
        ("agent", "王先生，请报运单号。", 0.0, 3.0, -20.0),
        ("caller", "零二三四五六七。", 3.5, 6.0, -20.0),
        ("agent", "王先生，对不起。", 5.0, 7.5, -20.0),
        ("agent", "再见，请慢走。", 8.0, 10.0, -14.0),
    ]

    def sheet(rows: list[tuple[str, str, float, float, float]]) -> dict[str, str]:
        legs = {
            role: Leg(
                tuple(Word(t, int(a * 1000), int(b * 1000)) for r, t, a, b, _ in rows if r == role),
                tuple(Speech(int(a * 1000), int(b * 1000), 1.0, v) for r, _, a, b, v in rows if r == role),
            )
            for role in ("agent", "caller")
        }
        base = call(("agent", "好"))
        judged = score(replace(base, agent=legs["agent"], caller=legs["caller"], duration=12_000), rules)
        return {v.rule: v.outcome.value for v in judged.verdicts}

    first = sheet(turns)
    assert first == {
        "RX": "pass",
        "CT": "pass",
        "OV": "fail",
        "RT": "pass",
        "GP": "pass",
        "LV": "pass",
        "MT": "pass",
    }
    second = sheet(
        [("agent", "嗯对不起你说什么呢我没有听见啊真的没有", 0.0, 2.1, -20.0), ("agent", "好", 9, 10, -20)]
    )
    assert second == {
        "RX": "fail",
        "CT": "fail",
        "OV": "pass",
        "RT": "fail",
        "GP": "fail",
        "LV": "fail",
        "MT": "pass",
    }
