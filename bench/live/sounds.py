"""The calls that are played: scripted ones where they are, else put together from the menu's prompts."""

from __future__ import annotations

import json
import os
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = ROOT / "ivr_flows" / "prompts" / "zh"
SHARED = Path(os.environ.get("LAIDIAN_BENCH_CALLS", ROOT.parent / "shared" / "calls"))
ROLES = ("agent", "caller")


@dataclass(frozen=True, slots=True)
class Sound:
    """A scripted call: 16-bit legs at 8 kHz, and its facts where they are known."""

    name: str
    legs: dict[str, bytes]
    files: dict[str, Path]
    facts: dict[str, Any] | None = None

    @property
    def seconds(self) -> float:
        return max(len(leg) for leg in self.legs.values()) / 16_000


def shared_calls() -> list[Sound]:
    """Scripted calls beside the repository, where they are."""
    out = []
    for meta in sorted(SHARED.glob("*.json")) if SHARED.is_dir() else ():
        files = {role: meta.with_name(f"{meta.stem}-{role}.wav") for role in ROLES}
        facts = json.loads(meta.read_text("utf-8"))
        out.append(Sound(meta.stem, {r: _pcm(f) for r, f in files.items()}, files, facts))
    return out


def own_calls(folder: Path) -> list[Sound]:
    """Else calls put together from the menu's prompts: turn by turn, half a second between."""
    scripts = (
        (("agent", "welcome"), ("caller", "number_unknown"), ("agent", "ask_waybill"), ("caller", "d_7"),
         ("agent", "anything_else"), ("caller", "points_none"), ("agent", "goodbye")),
        (("agent", "welcome"), ("caller", "wrong_waybill"), ("agent", "pickup_booked"), ("agent", "goodbye")),
    )  # fmt: skip
    out = []
    for number, script in enumerate(scripts):
        legs: dict[str, list[bytes]] = {role: [] for role in ROLES}
        for role, prompt in script:
            said = _pcm(PROMPTS / f"{prompt}.wav") + bytes(8_000)
            for each in ROLES:
                legs[each].append(said if each == role else bytes(len(said)))
        files = {role: folder / f"own{number}-{role}.wav" for role in ROLES}
        sound = Sound(f"own{number}", {r: b"".join(parts) for r, parts in legs.items()}, files)
        out.append(sound)
    return out


def _pcm(file: Path) -> bytes:
    with wave.open(str(file), "rb") as f:
        return f.readframes(f.getnframes())
