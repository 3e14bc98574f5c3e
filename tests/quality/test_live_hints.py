"""Hints while the call goes on: turns, silence and clock ticks in, reminders out. No audio, no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cti.errors import ConfigError
from cti.quality.live import Hint, LiveCall
from cti.quality.rules import RuleSet, load, load_presets
from cti.quality.spoken import NumberEar
from cti.quality.transcript import CallFacts, Role, Word

GREETING = "您好，欢迎致电顺达速运客户服务热线，客服代表小李很高兴为您服务，请问有什么可以帮助您？"
ASK, CHANGE = "您好，请问有什么可以帮助您？", "对不起，您的电话没有声音，请您换一部电话再次打来，好吗？再会！"


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_presets()


@dataclass
class Stage:
    """Plays a call and keeps what is shown."""

    call: LiveCall
    at: int = 0
    shown: dict[str, Hint] = field(default_factory=dict)
    told: int = 0

    def take(self, hints: list[Hint]) -> list[Hint]:
        """As a page does."""
        for hint in hints:
            self.told += 1
            if hint.gone:
                del self.shown[hint.key]
            else:
                self.shown[hint.key] = hint
        return hints

    def say(self, role: Role, text: str, seconds: float = 2.0, *, late: int = 800) -> list[Hint]:
        """Somebody speaks; the text is known a little later."""
        began = self.at
        self.take(self.call.voice(role, began, True))
        self.wait(seconds)
        self.take(self.call.voice(role, self.at, False))
        ended = self.at
        self.wait(late / 1000)
        return self.take(self.call.said(role, [Word(text, began, ended, 0.9)], began, ended))

    def wait(self, seconds: float) -> None:
        """The clock of the caller's leg goes on."""
        for _ in range(round(seconds * 10)):
            self.at += 100
            self.take(self.call.tick(self.at))

    def now(self, kind: str) -> Hint | None:
        """What of a kind is shown."""
        return next((h for h in self.shown.values() if h.kind == kind), None)


@pytest.fixture
def stage(rules: RuleSet) -> Stage:
    facts = CallFacts(company="顺达速运", direction="inbound", desk="hotline")
    pattern = re.compile(r"\d{10,15}")
    return Stage(LiveCall(rules, facts, {"agent": NumberEar(pattern), "caller": NumberEar(pattern)}))


def test_a_silent_caller_is_led_through_the_protocol(stage: Stage) -> None:
    """XJ 2.3, rules SIL: greeting → 5 s → ask → 5 s → change the phone → 5 s → hanging up is allowed."""
    stage.say("agent", GREETING, 9.0)
    ended = stage.at - 800
    assert stage.shown == {}
    stage.wait(1.5)
    due = stage.now("silence")
    assert due is not None
    assert (due.rule, due.text, due.step, due.steps) == ("SIL", "您好，请问有什么可以帮助您", 2, 3)
    assert due.due == ended + 5_000
    before = stage.told
    stage.wait(2.0)
    assert stage.told == before, "the page counts down by itself"
    stage.wait(1.0)
    stage.say("agent", ASK, 3.0)
    stage.wait(2.0)
    due = stage.now("silence")
    assert due is not None
    assert due.text.startswith("对不起，您的电话没有声音")
    stage.wait(2.5)
    stage.say("agent", CHANGE, 6.0)
    last = stage.now("hangup")
    assert last is not None
    assert last.due == stage.at - 800 + 5_000
    stage.say("caller", "喂，你好，听得见吗？")
    assert stage.now("hangup") is None


def test_nothing_was_said_at_all(stage: Stage) -> None:
    """After 5 s without anybody's voice the first sentence is due at once."""
    stage.wait(4.9)
    assert stage.now("silence") is None
    stage.wait(0.2)
    due = stage.now("silence")
    assert due is not None
    assert (due.step, due.due) == (1, 5_000)


def test_a_caller_who_speaks_begins_it_anew(stage: Stage) -> None:
    """Speech of 0.4 s ends the silence at once, a breath does not; the agent owes the answer then."""
    stage.say("agent", GREETING, 9.0)
    stage.wait(2.0)
    stage.take(stage.call.voice("caller", stage.at, True))
    stage.take(stage.call.voice("caller", stage.at + 200, False))
    stage.wait(0.3)
    assert stage.now("silence") is not None
    stage.take(stage.call.voice("caller", stage.at, True))
    stage.wait(0.5)
    assert stage.now("silence") is None
    stage.wait(1.0)
    stage.take(stage.call.voice("caller", stage.at, False))
    stage.wait(20.0)
    assert stage.now("silence") is None


def test_a_question_that_is_not_answered(stage: Stage) -> None:
    """When a caller who was heard falls silent after the agent's words, the protocol begins at its start."""
    stage.say("agent", GREETING, 9.0)
    stage.say("caller", "我要查件。")
    stage.say("agent", "请您报一下运单号。")
    stage.wait(4.5)
    due = stage.now("silence")
    assert due is not None
    assert (due.step, due.text) == (1, "您好，请问有什么可以帮助您")


def test_hold_is_nobodys_silence(stage: Stage) -> None:
    """While the caller is held nothing is due; the pause begins anew when he is back."""
    stage.say("agent", GREETING, 9.0)
    stage.wait(1.5)
    assert stage.now("silence") is not None
    stage.take(stage.call.hold(stage.at, True))
    assert stage.now("silence") is None
    stage.wait(30.0)
    assert stage.now("silence") is None
    stage.take(stage.call.hold(stage.at, False))
    back = stage.at
    stage.wait(2.1)
    due = stage.now("silence")
    assert due is not None
    assert due.due == back + 5_000


def test_without_a_recogniser_a_long_enough_sentence_counts(rules: RuleSet) -> None:
    """Voice activity alone leads through the protocol: each longer speech of the agent was the sentence."""
    stage = Stage(LiveCall(rules, CallFacts(direction="inbound"), reads=False))
    for _ in range(3):
        stage.take(stage.call.voice("agent", stage.at, True))
        stage.wait(2.0)
        stage.take(stage.call.voice("agent", stage.at, False))
        stage.wait(5.0)
    assert stage.now("hangup") is not None


@pytest.mark.parametrize(
    ("text", "rule", "sure"),
    [
        ("喂，说话呀！", "OPN-02", True),
        ("喂，說話呀", "OPN-02", True),
        ("喂，说吧！", "OPN-04", True),
        ("再不说话我就挂了啊", "SIL-07", True),
        ("喂，大声一点儿！", "HFR-02", True),
        ("说话呀", "OPN-02", False),
        ("对不起，请您大声一点，好吗？", "", True),
        ("您说吧，我在听。", "", True),
    ],
)
def test_a_forbidden_phrase_is_noticed_once(stage: Stage, text: str, rule: str, sure: bool) -> None:
    """What the rules forbid is a hint with what was heard; the same breath under two rules is one."""
    hints = [h for h in stage.say("agent", text, 1.2) if h.kind == "forbidden"]
    assert [(h.rule, h.sure) for h in hints] == ([(rule, sure)] if rule else [])
    assert not [h for h in stage.say("agent", "好的，请稍等。") if h.kind == "forbidden"]


def test_the_caller_may_say_anything(stage: Stage) -> None:
    """Words of the caller never count against the agent."""
    assert not [h for h in stage.say("caller", "喂，说话呀！再不说话我就挂了！") if h.kind == "forbidden"]


@pytest.mark.parametrize(
    ("said", "called"),
    [("你好，我姓王。", "王先生"), ("我叫张伟。", "张女士"), ("免贵姓欧阳。", "欧阳先生")],
)
def test_a_name_that_was_heard_is_to_be_used(stage: Stage, said: str, called: str) -> None:
    """The reminder stays until the agent has said it."""
    stage.say("caller", said)
    hint = stage.now("name")
    assert hint is not None
    assert called[:-2] in hint.text
    stage.say("agent", "好的，请您稍等。")
    assert stage.now("name") is not None
    stage.say("agent", f"{called}，您的件今天送到。")
    assert stage.now("name") is None


def test_the_name_of_a_confirmed_record(rules: RuleSet) -> None:
    """A customer who is known is to be called by name from the start, with the title of the record."""
    stage = Stage(LiveCall(rules, CallFacts(direction="inbound", customer="刘芳", title="女士")))
    stage.take(stage.call.begin())
    hint = stage.now("name")
    assert hint is not None
    assert hint.text == "刘女士"


def test_closing_words_are_asked_for_when_the_talk_winds_down(stage: Stage) -> None:
    """STA-02 and STA-03: due when the caller's words say so, gone when said, never asked for again."""
    stage.say("caller", "好的，谢谢你。")
    assert stage.shown["STA-02"].text == "还有什么可以帮您"
    stage.say("agent", "请问还有什么可以帮您？")
    assert "STA-02" not in stage.shown
    stage.say("caller", "没有了，再见。")
    assert stage.shown["STA-03"].text == "感谢您的来电，再见"
    stage.say("agent", "感谢您的来电，再见！")
    stage.say("caller", "再见。")
    assert stage.now("closing") is None


def test_quiet_voice_and_noisy_line(stage: Stage) -> None:
    """LOW-02 and NOI-01: three quiet utterances, or a noisy line, ask for the sentence of the rules."""
    for t in (1_000, 2_000, 3_000):
        stage.take(stage.call.loud(t, -45.0, -60.0))
    hint = stage.now("quiet")
    assert hint is not None
    assert hint.text == "对不起，请您大声一点，好吗"
    stage.say("agent", "对不起！请您大声一点，好吗？")
    assert stage.now("quiet") is None
    stage.take(stage.call.loud(9_000, -20.0, -35.0))
    assert stage.now("noise") is not None


def test_a_spoken_number_is_offered(stage: Stage) -> None:
    """A number of either is a hint to look it up, once; read again in one piece it may be another."""
    stage.say("caller", "单号七五二四八九六三二幺。")
    hint = stage.now("number")
    assert hint is not None
    assert (hint.text, hint.what) == ("7524896321", "waybill")
    stage.say("agent", "您的单号是七五二四八九六三二幺吗？")
    numbers = [h for h in stage.shown.values() if h.kind == "number"]
    assert numbers == [hint]
    stage.say("agent", "您的电话是幺三九二六五八四七幺三，对吗？")
    assert [h.text for h in stage.shown.values() if h.kind == "number"] == ["7524896321", "13926584713"]
    stage.take(stage.call.reread("caller", "单号是752489632164", 0, stage.at))
    # the agent has read it back as it was: his words stand against the new reading
    assert "number:7524896321" in stage.shown
    assert "number:752489632164" in stage.shown


def test_outbound_calls_have_no_silent_caller(rules: RuleSet) -> None:
    """Rules for inbound calls prompt nothing in a call that we made."""
    stage = Stage(LiveCall(rules, CallFacts(direction="outbound")))
    stage.wait(12.0)
    assert stage.shown == {}


@pytest.mark.parametrize(
    ("live", "says"),
    [
        ("{on: sometimes}", "'on' must be one of"),
        ("{on: silence}", "must be a seq"),
        ("{on: closing}", "'heard' belongs to closing"),
        ("{on: closing, heard: ['!']}", "nothing to hear"),
        ("{on: quiet}", "level of the caller"),
        ("{on: name, until: later}", "unknown key 'until'"),
    ],
)
def test_a_wrong_occasion_is_refused_with_its_line(live: str, says: str, tmp_path: Path) -> None:
    """A rule file with a ``live`` that makes no sense does not load."""
    file = tmp_path / "own.yaml"
    file.write_text(f"rules:\n  - id: X-1\n    check: {{say: [您好]}}\n    live: {live}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=says) as refused:
        load([file])
    assert "own.yaml:4" in str(refused.value) or "own.yaml:" in str(refused.value)
