"""The voices of the demo's people."""

from __future__ import annotations

from pathlib import Path

from cti.demo.callers import VOICES
from cti.demo.stage import MANNERS
from cti.demo.voices import RATE, put_together


def test_every_talk_is_put_together_from_the_lines(tmp_path: Path) -> None:
    """Each talk is a raw A-law file that lasts until after its last line; all names that are used exist."""
    voices = put_together(tmp_path / "voices")
    assert set(MANNERS.values()) | {"plain"} <= set(voices.agents)
    assert set(filter(None, VOICES)) == set(voices.callers)
    lasts = {p.stem: p.stat().st_size / RATE for p in (tmp_path / "voices").iterdir()}
    assert set(lasts) == {"agent-good", "agent-plain", "agent-rude", "caller-late", "caller-broken"}
    assert all(30 < seconds < 60 for seconds in lasts.values()), lasts
