"""One call prepared for its rules: turns, utterances, searches per leg, and what fills the slots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cti.quality import matcher, sound
from cti.quality.logic import Result
from cti.quality.matcher import Hit, Phrase, Search
from cti.quality.surname import Surname, family_name, guesses, surname_of
from cti.quality.transcript import Leg, Role, Speech, Transcript, Turn, turns_of

JOIN_MS = 1_500  # pauses inside one utterance
_SLOT = re.compile(r"\{(\w+)\}")
_CONFIRMS = 0.85
_ROLES: tuple[Role, Role] = ("agent", "caller")
_TITLES = ("先生", "女士", "小姐")
SLOTS = ("company", "station", "agent", "customer", "surname", "title")


@dataclass(slots=True)
class Context:
    """A transcript with everything that is derived from it once."""

    transcript: Transcript
    turns: tuple[Turn, ...]
    searches: dict[str, Search]
    utterances: dict[str, tuple[Turn, ...]]
    surname: Surname | None
    values: dict[str, tuple[str, ...]]
    results: dict[str, Result] = field(default_factory=dict)  # of rules already judged, for REF
    asking_when: bool = False  # a rule's applicability is being asked, not its check
    said: dict[tuple[object, bool], Result] = field(default_factory=dict)  # SAYs answered already

    @property
    def exact(self) -> bool:
        """Whether the words are certain."""
        return self.transcript.exact

    def leg(self, role: str) -> Leg:
        """A leg by role."""
        return self.transcript.leg(role)

    def turns_by(self, role: str) -> list[Turn]:
        """Turns of one party."""
        return [t for t in self.turns if t.role == role]

    def expand(self, template: str) -> list[str]:
        """The concrete wordings of a template; slots that are not known make it empty."""
        names = _SLOT.findall(template)
        wordings = [template]
        for name in dict.fromkeys(names):
            values = self.values.get(name, ())
            wordings = [w.replace("{" + name + "}", f"‹{v}›") for w in wordings for v in values]
        return wordings

    def compiled(self, templates: Sequence[str]) -> list[Phrase]:
        """Phrases ready for the search, of all templates whose slots are known."""
        return [matcher.compile_phrase(w) for t in templates for w in self.expand(t)]

    def hits(self, role: str, phrase: Phrase, floor: float, t0: int, t1: int) -> list[Hit]:
        """Where a phrase is said on a leg."""
        return self.searches[role].hits(phrase, floor, t0, t1)

    def best(self, role: str, phrases: Sequence[Phrase], t0: int, t1: int) -> Hit | None:
        """The nearest of several wordings in a stretch of time."""
        found = [h for p in phrases if (h := self.searches[role].best(p, t0, t1)) is not None]
        # of equally near ones the longer wording explains more
        return max(found, key=lambda h: (round(h.similarity, 3), len(h.phrase.chars)), default=None)


def prepare(transcript: Transcript) -> Context:
    """Build the context of a call; pure, milliseconds."""
    searches: dict[str, Search] = {role: Search(matcher.track_of(transcript.leg(role))) for role in _ROLES}
    turns = turns_of(transcript)
    facts = transcript.facts
    surname = surname_of(transcript, searches["caller"].track) or _confirmed_guess(transcript, searches)
    values: dict[str, tuple[str, ...]] = {
        "company": _plain(facts.company),
        "station": _plain(facts.station.removesuffix("站点").removesuffix("站")),
        "agent": _plain(facts.agent),
        "surname": (surname.text,) if surname is not None else (),
        "title": _titles(facts.title),
        "customer": _names(facts.customer),
    }
    utterances: dict[str, tuple[Turn, ...]] = {
        role: _utterances(role, transcript.leg(role).speech) for role in _ROLES
    }
    return Context(transcript, turns, searches, utterances, surname, values)


def _confirmed_guess(transcript: Transcript, searches: Mapping[str, Search]) -> Surname | None:
    """A surname badly heard from the caller, but said by the agent afterwards: both together are enough."""
    if transcript.exact:
        return None
    for guess in guesses(searches["caller"].track):
        for title in _TITLES:
            phrase = matcher.compile_phrase(f"‹{guess.text}›{title}")
            hit = searches["agent"].best(phrase, guess.known_at)
            if hit is not None and hit.similarity >= _CONFIRMS and hit.part(phrase.slots[0]) >= _CONFIRMS:
                return guess
    return None


def _plain(value: str) -> tuple[str, ...]:
    return (value,) if any(sound.is_han(c) for c in sound.normalise(value)) else ()


def _titles(known: str) -> tuple[str, ...]:
    if known == "先生":
        return ("先生",)
    return ("女士", "小姐") if known in ("女士", "小姐") else _TITLES


def _names(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((family_name(name), name))) if name else ()


def _utterances(role: Role, speech: tuple[Speech, ...]) -> tuple[Turn, ...]:
    """Speech of one party joined over short pauses, whoever else speaks meanwhile."""
    out: list[Turn] = []
    for s in speech:
        if out and s.t0 - out[-1].t1 < JOIN_MS:
            out[-1] = replace(out[-1], t1=max(out[-1].t1, s.t1))
        else:
            out.append(Turn(role, s.t0, s.t1))
    return tuple(out)
