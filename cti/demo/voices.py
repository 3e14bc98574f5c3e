"""What the demo's people say: lines of synthetic speech put onto a clock, as SIPp plays them (raw A-law)."""

from __future__ import annotations

import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel

from asterisk_conf import scenario, tones
from asterisk_conf.scenario import Step

RATE = 8000
LINES = Path(__file__).parent / "voices"
Talk = tuple[tuple[float, str], ...]
"""(second, line)"""


class _Script(BaseModel):
    agents: dict[str, Talk]
    callers: dict[str, Talk]


@dataclass(frozen=True, slots=True)
class Voices:
    """Who can say what; the sound files lie in `folder`, which has to outlive the phones."""

    agents: dict[str, Step]
    callers: dict[str, Step]


def put_together(folder: Path) -> Voices:
    """Every talk of ``voices.yaml`` as one sound file in `folder`."""
    text = (LINES.parent / "voices.yaml").read_text(encoding="utf-8")
    script = _Script.model_validate(yaml.safe_load(text))
    folder.mkdir(parents=True, exist_ok=True)

    def steps(talks: dict[str, Talk], who: str) -> dict[str, Step]:
        found = {}
        for name, talk in talks.items():
            file = folder / f"{who}-{name}.al"
            file.write_bytes(tones.alaw(_track(talk)))
            found[name] = scenario.play(file)
        return found

    return Voices(steps(script.agents, "agent"), steps(script.callers, "caller"))


def _track(talk: Talk) -> array[int]:
    track: array[int] = array("h")
    for at, line in talk:
        with wave.open(str(LINES / f"{line}.wav"), "rb") as sound:
            words = array("h", sound.readframes(sound.getnframes()))
        silence = round(at * RATE) - len(track)
        if silence < 0:
            raise ValueError(f"{line} at {at:g} s begins before the line before it has ended")
        track.extend([0] * silence)
        track.extend(words)
    return track
