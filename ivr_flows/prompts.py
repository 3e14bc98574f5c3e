"""The prompts: a manifest (``prompts/prompts.yaml``: id, text, how it was made) and one sound file each.

Sound files are ``prompts/zh/<id>.wav``, 8 kHz mono 16-bit, which Asterisk plays as they are. An owner
replaces one by putting an own recording under the same name and writing ``made_how: 自录`` beside it.
"""

from __future__ import annotations

import math
import wave
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ivr_flows.marked import Faults, parse
from ivr_flows.model import Fault

FOLDER = Path(__file__).parent / "prompts"
RATE = 8000
MAX_SECONDS = 60.0
LOUD_DBFS = (-32.0, -12.0)  # mean level of a prompt
PEAK_DBFS = -1.0
SYLLABLE_S = (0.09, 0.65)  # shortest and longest plausible time of a syllable
DIALPLAN = frozenset(
    {
        "apology",
        "queue_thanks",
        "queue_callback_key",
        "all_busy",
        "reconnecting",
        "recorded_line",
        "survey_invite",
        "beep_record",
        "outbound_delivery",
    }
)
"""Prompts for the dialplan and the service, which no flow names."""
_MARKS = frozenset("，。、？！：；（）—·… ")


@dataclass(frozen=True, slots=True)
class PromptEntry:
    """One line of the manifest; `spell` is what the voice was given where it reads `text` wrongly."""

    id: str
    text: str
    made_how: str
    spell: str
    line: int

    @property
    def syllables(self) -> int:
        """How many syllables are spoken: one per character."""
        return sum(c not in _MARKS for c in self.text)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All prompts by id, and where their sound files are."""

    file: str
    entries: Mapping[str, PromptEntry]
    sounds: Path

    def path(self, prompt: str) -> Path:
        """The sound file of a prompt."""
        return self.sounds / f"{prompt}.wav"

    def text(self, prompt: str) -> str:
        """The words of a prompt; its id when it is not in the manifest."""
        entry = self.entries.get(prompt)
        return entry.text if entry else prompt


@dataclass(frozen=True, slots=True)
class Sound:
    """What a sound file is: seconds, mean and peak level in dBFS."""

    seconds: float
    level: float
    peak: float


def load(folder: Path = FOLDER) -> tuple[Manifest, list[Fault]]:
    """The manifest of a folder and the faults of its form."""
    path = folder / "prompts.yaml"
    sounds = folder / "zh"
    faults = Faults(str(path))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        return Manifest(str(path), {}, sounds), [
            Fault(str(path), 1, "file", f"cannot be read: {e.__class__.__name__}")
        ]
    entries: dict[str, PromptEntry] = {}
    top = parse(text, faults)
    if top is not None:
        top.need("about", "the manifest")
        how = top.text("made_how")
        listed = top.need("prompts", "the manifest")
        for item in listed.items() if listed is not None else ():
            m = item.map()
            prompt, words = m.text("id"), m.text("text")
            entry = PromptEntry(prompt, words, m.text("made_how", how), m.text("spell"), item.line)
            m.done("a prompt")
            if not prompt.replace("_", "a").isalnum() or not prompt.isascii():
                faults.add(item.line, "name", f"'{prompt}' is no name for a prompt (a-z, 0-9, _)")
            elif prompt in entries:
                faults.add(item.line, "twice", f"'{prompt}' is already on line {entries[prompt].line}")
            elif not words:
                faults.add(item.line, "missing", f"'{prompt}' has no text")
            else:
                entries[prompt] = entry
        top.done("the manifest")
    return Manifest(str(path), entries, sounds), faults.found


def require_format(path: Path) -> None:
    """ValueError says why a sound file cannot be played as it is; only its head is read."""
    with _opened(path):
        pass


def measure(path: Path) -> Sound:
    """Read a sound file; ValueError says what is wrong with its format."""
    with _opened(path) as sound:
        data = array("h", sound.readframes(int(MAX_SECONDS * RATE)))
    if not data:
        raise ValueError("the sound file is empty")
    power = sum(s * s for s in data) / len(data)
    return Sound(len(data) / RATE, _db(math.sqrt(power)), _db(max(max(data), -min(data))))


@contextmanager
def _opened(path: Path) -> Iterator[wave.Wave_read]:
    try:
        sound = wave.open(str(path), "rb")  # noqa: SIM115 - closed below, opening has errors of its own
    except FileNotFoundError:
        raise ValueError("the sound file is missing") from None
    except (wave.Error, EOFError, OSError) as e:
        raise ValueError(f"not a readable WAV file ({e.__class__.__name__})") from e
    with sound:
        form = (sound.getframerate(), sound.getnchannels(), 8 * sound.getsampwidth(), sound.getcomptype())
        if form != (RATE, 1, 16, "NONE"):
            raise ValueError(
                f"{form[0]} Hz, {form[1]} channel(s), {form[2]} bit: 8000 Hz mono 16 bit is needed"
            )
        if not sound.getnframes():
            raise ValueError("the sound file is empty")
        if sound.getnframes() > MAX_SECONDS * RATE:
            raise ValueError(f"longer than {MAX_SECONDS:g} s")
        yield sound


def _db(value: float) -> float:
    return 20 * math.log10(value / 32768) if value > 0 else -120.0


def sound_faults(manifest: Manifest) -> Iterator[Fault]:
    """Every prompt whose sound file is missing, of another format, or of odd level or length."""
    for entry in manifest.entries.values():
        try:
            sound = measure(manifest.path(entry.id))
        except ValueError as e:
            yield Fault(manifest.file, entry.line, "sound", f"'{entry.id}': {e}")
            continue
        if not LOUD_DBFS[0] <= sound.level <= LOUD_DBFS[1] or sound.peak > PEAK_DBFS:
            found = f"mean {sound.level:.1f} dBFS, peak {sound.peak:.1f} dBFS"
            yield Fault(manifest.file, entry.line, "level", f"'{entry.id}' is too quiet or too loud: {found}")
        low, high = SYLLABLE_S
        if not low * entry.syllables <= sound.seconds <= 0.5 + high * entry.syllables:
            found = f"{sound.seconds:.2f} s for {entry.syllables} syllables"
            yield Fault(manifest.file, entry.line, "length", f"'{entry.id}' has an odd length: {found}")
    known = {manifest.path(prompt) for prompt in manifest.entries}
    for path in sorted(manifest.sounds.glob("*")):
        if path not in known:
            yield Fault(manifest.file, 1, "unlisted", f"'{path.name}' is not in the manifest")


def measured(manifest: Manifest) -> Iterator[Sound]:
    """Every prompt whose sound file can be read."""
    for prompt in manifest.entries:
        try:
            yield measure(manifest.path(prompt))
        except ValueError:
            continue
