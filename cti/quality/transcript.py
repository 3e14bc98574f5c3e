"""What a call sounded like, as the rules see it: two legs of words and speech, and what the PBX knows.

Two JSON forms are read: the scripted one (``turns`` with role, text, start and end in seconds) and the
stored one that `to_json` writes, so that a call can be scored again under other rules without its audio.
All times in ms from the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from cti.errors import UsageError

Role = Literal["agent", "caller"]
FORM = "laidian-transcript/1"
_NORMAL_DBFS = -20.0  # level that a scripted turn without gain stands for
_QUIET_LINE_DBFS = -62.0
_UNHEARD_MS = 150


@dataclass(frozen=True, slots=True)
class Word:
    """One heard word (or a whole scripted turn), `confidence` 0–1."""

    text: str
    t0: int
    t1: int
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Speech:
    """One stretch of voice activity.

    `heard` 0–1 is the share of it that was really transcribed; `level` in dBFS; `language` a tag or None.
    """

    t0: int
    t1: int
    heard: float = 1.0
    level: float | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """One party. `usable` False: the recording of this leg cannot be judged (`note` says why)."""

    words: tuple[Word, ...] = ()
    speech: tuple[Speech, ...] = ()
    noise: float | None = None
    usable: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known without listening.

    `hangup_by` is agent, caller or None (not known, or witnesses disagree). `surname`/`name`/`title` come
    from the confirmed record. `holds` in ms. `timing_trusted` False when the legs drift from the bridge.
    """

    id: str = ""
    company: str = ""
    station: str = ""
    direction: str = "inbound"
    purpose: str = ""  # of an outbound call, a kind of task; "" when it is not known
    desk: str = "hotline"
    hangup_by: Role | None = None
    customer: str = ""
    title: str = ""
    agent: str = ""
    holds: tuple[tuple[int, int], ...] = ()
    timing_trusted: bool = True


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything a rule may look at. `exact`: the words are what was said, not what was recognised."""

    facts: CallFacts
    agent: Leg
    caller: Leg
    duration: int
    engine: str
    exact: bool = False

    def leg(self, role: str) -> Leg:
        """The leg of a role."""
        return self.agent if role == "agent" else self.caller


def facts_of(data: Mapping[str, Any]) -> CallFacts:
    """The call's facts out of the JSON form of a call; unknown keys are ignored."""
    customer = data.get("customer") or {}
    if not isinstance(customer, Mapping):
        raise UsageError("customer must be an object or null")
    by = data.get("hangup_by")
    holds = tuple((int(a * 1000), int(b * 1000)) for a, b in data.get("holds") or ())
    confirmed = customer.get("confirmed", True)
    return CallFacts(
        id=str(data.get("id", "")),
        company=str(data.get("company") or ""),
        station=str(data.get("station") or ""),
        direction=str(data.get("direction") or "inbound"),
        purpose=str(data.get("purpose") or ""),
        desk=str(data.get("desk") or "hotline"),
        hangup_by="agent" if by == "agent" else "caller" if by == "caller" else None,
        customer=str(customer.get("name") or "") if confirmed else "",
        title=str(customer.get("title") or "") if confirmed else "",
        agent=str(data.get("agent") or "") if isinstance(data.get("agent"), str) else "",
        holds=holds,
        timing_trusted=bool(data.get("timing_trusted", True)),
    )


def from_json(data: Mapping[str, Any]) -> Transcript:
    """A transcript out of either JSON form; UsageError says what is missing or of the wrong kind."""
    try:
        if data.get("form") == FORM:
            return _from_stored(data)
        return _from_turns(data)
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise UsageError(f"not a transcript of the known form: {type(e).__name__} {e}") from e


def _from_turns(data: Mapping[str, Any]) -> Transcript:
    if not isinstance(data.get("turns"), list):
        raise UsageError("transcript has no list 'turns'")
    legs: dict[str, tuple[list[Word], list[Speech]]] = {"agent": ([], []), "caller": ([], [])}
    clock = 0.0
    for i, turn in enumerate(data["turns"], 1):
        role, text = turn.get("role"), turn.get("text")
        if role not in legs or not isinstance(text, str):
            raise UsageError(f"turn {i}: needs role agent or caller, and text")
        # without times, turns follow each other at the pace of speech (0.2 s a character)
        start = float(turn["start"]) if "start" in turn else clock + float(turn.get("gap", 0.6))
        end = float(turn["end"]) if "end" in turn else start + max(0.3, 0.2 * len(text))
        if end < start:
            raise UsageError(f"turn {i}: ends before it starts")
        clock = end
        t0, t1 = round(start * 1000), round(end * 1000)
        level = _NORMAL_DBFS + float(turn.get("gain_db") or 0)
        words, speech = legs[role]
        words.append(Word(text, t0, t1))
        speech.append(Speech(t0, t1, 1.0, level, str(turn.get("lang") or "zh")))
    duration = float(data.get("duration") or clock + float(data.get("tail") or 1.0))
    noise = float(data.get("noise_db") or _QUIET_LINE_DBFS)
    made = {role: Leg(tuple(w), tuple(s)) for role, (w, s) in legs.items()}
    return Transcript(
        facts_of(data),
        made["agent"],
        replace(made["caller"], noise=noise),
        round(duration * 1000),
        "transcript",
        exact=True,
    )


def _from_stored(data: Mapping[str, Any]) -> Transcript:
    def leg(raw: Mapping[str, Any]) -> Leg:
        return Leg(
            tuple(Word(**w) for w in raw["words"]),
            tuple(Speech(**s) for s in raw["speech"]),
            raw["noise"],
            raw["usable"],
            raw["note"],
        )

    facts = dict(data["facts"])
    facts["holds"] = tuple((a, b) for a, b in facts["holds"])
    return Transcript(
        CallFacts(**facts),
        leg(data["agent"]),
        leg(data["caller"]),
        data["duration"],
        data["engine"],
        data["exact"],
    )


def to_json(transcript: Transcript) -> dict[str, Any]:
    """The stored form: everything that scoring needs, plain JSON."""
    return {"form": FORM, **asdict(transcript)}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one party said until the other spoke or a long pause came."""

    role: Role
    t0: int
    t1: int


def turns_of(transcript: Transcript, *, pause: int = 3_000, interjection: int = 500) -> tuple[Turn, ...]:
    """Turns of both parties in order of time.

    Speech of one party is one turn across pauses of up to `pause` ms, unless the other says something of
    at least `interjection` ms in between (an 嗯 does not take the turn).
    """
    agent, caller = transcript.agent.speech, transcript.caller.speech
    turns = _turns("agent", agent, caller, pause, interjection)
    turns += _turns("caller", caller, agent, pause, interjection)
    return tuple(sorted(turns, key=lambda t: (t.t0, t.t1)))


def _turns(
    role: Role, own: tuple[Speech, ...], other: tuple[Speech, ...], pause: int, interjection: int
) -> list[Turn]:
    turns: list[Turn] = []
    at = 0  # first stretch of the other that may lie in the coming gap
    for s in own:
        if not turns:
            turns.append(Turn(role, s.t0, s.t1))
            continue
        last = turns[-1]
        while at < len(other) and other[at].t1 <= last.t1:
            at += 1
        between, i = 0, at
        while i < len(other) and other[i].t0 < s.t0:
            between += min(other[i].t1, s.t0) - max(other[i].t0, last.t1)
            i += 1
        if s.t0 - last.t1 > pause or between >= interjection:
            turns.append(Turn(role, s.t0, s.t1))
        else:
            turns[-1] = replace(last, t1=max(last.t1, s.t1))
    return turns


def coverage(leg: Leg, t0: int, t1: int) -> float:
    """Share of the leg's speech between `t0` and `t1` that was really transcribed (1 where none is)."""
    if not leg.usable:
        return 0.0
    total = heard = 0.0
    for s in leg.speech:
        part = min(s.t1, t1) - max(s.t0, t0)
        if part > 0:
            total += part
            heard += part * s.heard
    return heard / total if total > _UNHEARD_MS else 1.0


def unheard(leg: Leg, t0: int, t1: int) -> float:
    """Ms of the leg's speech between `t0` and `t1` that were not transcribed."""
    return sum(max(0, min(s.t1, t1) - max(s.t0, t0)) * (1 - s.heard) for s in leg.speech)


def heard_text(leg: Leg, t0: int, t1: int, most: int = 200) -> str:
    """The words of a leg whose middle lies between `t0` and `t1`, at most so many characters."""
    out: list[str] = []
    length = 0
    for w in leg.words:
        if t0 <= (w.t0 + w.t1) // 2 <= t1:
            out.append(w.text)
            length += len(w.text)
            if length >= most:
                break
    return "".join(out)[:most]
