"""Who calls next in the demo, and what for: every outcome of a look-up comes by within a few minutes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cti.config import Settings

# The share of each kind of caller; unregistered numbers lie in a block that is made up for the demo.
UNKNOWN_BLOCK = "1390000"
KINDS = ("known", "known", "known", "known", "known", "shared", "unknown", "anonymous", "service")
VOICES = ("", "", "late", "broken")  # one in two says something: cti/demo/voices.yaml
TALK_S = 75.0  # how long these stay: menu, ringing, and the whole talk

# What callers press, as (seconds of listening, keys); all of them end with a person.
JOURNEYS: tuple[tuple[tuple[float, str], ...], ...] = (
    ((3, "0"),),
    ((4, "1"), (5, "#"), (9, "0")),  # 快件跟踪 by the calling number
    ((4, "3"), (4, "1"), (6, "0")),
    (),  # a silent caller
)


@dataclass(frozen=True, slots=True)
class Caller:
    """One call to place.

    Seconds; `stay_s` is the whole call, `keys` what is pressed in the menus, `voice` what is said afterwards.
    """

    kind: str
    number: str
    did: str
    keys: tuple[tuple[float, str], ...]
    stay_s: float
    voice: str = ""


def callers(settings: Settings, known: Sequence[str], shared: Sequence[str], seed: int) -> Iterator[Caller]:
    """An endless stream, the same for the same seed. `shared` numbers belong to several customers."""
    dice = random.Random(seed)  # noqa: S311 - a demo's dice
    dids = [q.did for q in settings.queues if q.did]
    while True:
        kind = dice.choice(KINDS)
        number = {
            "known": dice.choice(known),
            "shared": dice.choice(shared or known),
            "unknown": f"{UNKNOWN_BLOCK}{dice.randrange(10_000):04d}",
            "anonymous": "anonymous",
            "service": "4008889999",
        }[kind]
        voice = dice.choice(VOICES)
        gives_up = dice.random() < 0.12  # before an agent answers
        yield Caller(
            kind=kind,
            number=number,
            did=dice.choices(dids, [6] + [2] * (len(dids) - 1))[0],
            keys=dice.choices(JOURNEYS, [5, 3, 2, 1])[0],
            stay_s=dice.uniform(6, 10) if gives_up else TALK_S if voice else dice.uniform(25, 45),
            voice=voice,
        )
