"""One live call inside the worker: two legs of sound in, text and hints out as plain JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from cti.config import Settings
from cti.domain.phone import Plan
from cti.quality import sound
from cti.quality.live import Hint, LiveCall
from cti.quality.rules import RuleSet
from cti.quality.spoken import NumberEar
from cti.quality.transcript import CallFacts, Role, Word
from cti.speech.audio import VAD_RATE
from cti.speech.engine import Heard, Samples
from cti.speech.live_digits import Dictation
from cti.speech.live_ear import Ear, Utterance

ROLES: tuple[Role, Role] = ("agent", "caller")
BATCH = VAD_RATE // 10  # samples handled at once
_SURE_WORD = 0.5  # confidence under which a word is shown in grey
_SURE = 0.25  # mean confidence under which an utterance counts for nothing
Tell = Callable[[dict[str, Any]], None]


class Talk:
    """One agent's talk with one caller. `tell` takes events; `put` gives utterances to the reader.

    `hearing` names this listening: a talk that is opened anew must not get utterances of before.
    """

    def __init__(
        self,
        id: str,
        facts: CallFacts,
        rules: RuleSet,
        settings: Settings,
        tell: Tell,
        put: Callable[[Utterance], None],
        *,
        reads: bool,
        longest_s: float,
        hearing: str = "",
    ) -> None:
        plan = Plan(settings.phone.home_area, re.compile(settings.phone.internal))
        waybills = settings.waybills
        pattern = re.compile(waybills.pattern)
        numbers = {role: NumberEar(pattern, waybills.prefixes, plan) for role in ROLES}
        self.id = id
        self.live = LiveCall(rules, facts, numbers, reads=reads)
        self.hearing = hearing or id
        self.ears = {role: Ear(self.hearing, role, longest_s) for role in ROLES}
        self._dictations = {role: Dictation(longest_s) for role in ROLES}
        self.unread = 0  # utterances that the reader still has
        self._again: dict[Role, Utterance] = {}  # and what it reads again, the last of a leg
        self.closing = False
        self._tell, self._put, self._reads = tell, put, reads
        self._rest: dict[Role, list[Samples]] = {role: [] for role in ROLES}
        self._resting: dict[Role, int] = dict.fromkeys(ROLES, 0)
        self._held = False
        self._hints(self.live.begin())

    @property
    def waits(self) -> bool:
        """Whether more of it will be read."""
        return self.unread > 0 or bool(self._again)

    def reads(self, longest_s: float) -> None:
        """A recogniser has come: from now on what is said is read."""
        self._reads = self.live.reads = True
        for ear in self.ears.values():
            ear.longest_s = longest_s
        for dictation in self._dictations.values():
            dictation.longest_s = longest_s

    def hear(self, role: Role, pcm: bytes) -> None:
        """Sound of a leg: 8 kHz, 16 bit, little-endian."""
        samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)
        self._rest[role].append(samples)
        self._resting[role] += len(samples)
        if self._resting[role] >= BATCH:
            whole = np.concatenate(self._rest[role])
            self._rest[role], self._resting[role] = [], 0
            self._listen(role, whole)

    def _listen(self, role: Role, samples: Samples) -> None:
        ear = self.ears[role]
        if self._held:
            ear.deaf(len(samples))
        else:
            changes, utterances = ear.hear(samples)
            self._spoke(role, changes)
            self._utter(utterances)
        if role == "caller":
            self._hints(self.live.tick(ear.now))

    def hold(self, on: bool) -> None:
        """The caller waits: nothing of it is listened to."""
        if on == self._held:
            return
        self._held = on
        if on:
            self.stop()
        self._hints(self.live.hold(self.ears["caller"].now, on))

    def stop(self) -> None:
        """What is being said is whole now."""
        for role, ear in self.ears.items():
            changes, utterances = ear.stop()
            self._spoke(role, changes)
            self._utter(utterances)

    def partial(self, utterance: Utterance, text: str) -> None:
        """A growing utterance was read."""
        self._text(utterance, [[sound.simplify(text), False]], final=False)

    def final(self, utterance: Utterance, heard: Heard | None) -> None:
        """A whole utterance was read, or given up; or several were read again for a number in them."""
        if utterance.again:
            if self._again.get(utterance.leg) is utterance:
                del self._again[utterance.leg]
            if heard is not None:
                text, end = heard.text, utterance.t1 or utterance.t0
                self._hints(self.live.reread(utterance.leg, text, utterance.t0, end))
            return
        self.unread -= 1
        if heard is None or not heard.text.strip():
            self._text(utterance, [], final=True)
        else:
            self._heard(utterance, heard)
        joined = self._dictations[utterance.leg].said(utterance, heard.text if heard is not None else "")
        if joined is not None:
            self._again[utterance.leg] = joined
            self._put(joined)

    def _heard(self, utterance: Utterance, heard: Heard) -> None:
        sure = _is_sure(heard, (utterance.t1 or utterance.t0) - utterance.start)
        parts: list[list[Any]] = []
        for word in heard.words:
            shown = [sound.simplify(word.text), sure and word.confidence >= _SURE_WORD]
            if parts and parts[-1][1] == shown[1]:
                parts[-1][0] += shown[0]
            else:
                parts.append(shown)
        self._text(utterance, parts or [[sound.simplify(heard.text), False]], final=True)
        if sure:
            end = utterance.t1 or utterance.t0
            words = _placed(heard, utterance, end)
            self._hints(self.live.said(utterance.leg, words, utterance.t0, end))

    def _spoke(self, role: Role, changes: list[Any]) -> None:
        for change in changes:
            self._hints(self.live.voice(role, change.t, change.on))
            if role == "caller" and not change.on:
                self._hints(self.live.loud(change.t, change.level, self.ears[role].vad.noise))

    def _utter(self, utterances: list[Utterance]) -> None:
        if not self._reads:
            return
        for one in utterances:
            if one.t1 is not None:
                self.unread += 1
            self._put(one)

    def _text(self, u: Utterance, parts: list[list[Any]], *, final: bool) -> None:
        line = {"leg": u.leg, "n": u.number, "t0": u.t0, "t1": u.t1, "final": final, "parts": parts}
        self._tell({"ev": "text", "call": self.id, "now": self.ears["caller"].now, **line})

    def _hints(self, hints: list[Hint]) -> None:
        for hint in hints:
            self._tell({"ev": "hint", "call": self.id, "now": self.ears["caller"].now, **asdict(hint)})


def _is_sure(heard: Heard, length_ms: int) -> bool:
    doubtful = sum(b - a for a, b in heard.doubtful)
    if not heard.words or doubtful > length_ms / 2000:
        return False
    return sum(w.confidence for w in heard.words) / len(heard.words) >= _SURE


def _placed(heard: Heard, u: Utterance, end: int) -> list[Word]:
    out = []
    for w in heard.words:
        t0 = min(max(u.start + round(w.start * 1000), u.t0), end)
        t1 = min(max(u.start + round(w.end * 1000), t0), end)
        out.append(Word(w.text, t0, t1, round(w.confidence, 3)))
    return out
