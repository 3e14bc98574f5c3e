"""Two legs and an engine in, a transcript out: what the durable worker and ``laidian score`` run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cti.quality.transcript import CallFacts, Leg, Speech, Transcript, Word
from cti.speech.audio import AudioState, LegAudio, Stretch, load_leg, resample
from cti.speech.engine import Engine, Heard, HeardWord, Samples
from cti.speech.pieces import GAP_MS, Pack, Piece, packs, pieces

_LANGUAGE_S = 30  # of speech, to tell the language by
_DRIFT = 0.02
_SLOWEST = 1.8  # syllables a second of speech; less than that and words were lost
_WORTH_ANOTHER_TRY = 0.5
_SURE = 0.25  # mean confidence under which a piece counts as not transcribed
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Transcribed:
    """A transcript with the state of both legs (`note` is for people)."""

    transcript: Transcript
    agent: AudioState
    caller: AudioState
    note: str


def transcribe(
    agent: Path,
    caller: Path,
    facts: CallFacts,
    engine: Callable[[], Engine],
    *,
    longest_s: float = 7200.0,
    progress: Progress | None = None,
) -> Transcribed:
    """Recognise both legs of a call; a leg that cannot be read becomes an unusable leg, not an error.

    `engine` is asked for only where somebody speaks (loading one takes seconds). `progress` is told the
    share done, 0–1. Raises what `engine` raises, nothing for a bad file.
    """
    audio = {"agent": load_leg(agent, longest_s=longest_s), "caller": load_leg(caller, longest_s=longest_s)}
    total = sum(s.t1 - s.t0 for a in audio.values() for s in a.speech) or 1
    done = 0

    def told(ms: int) -> None:
        nonlocal done
        done += ms
        if progress is not None:
            progress(min(1.0, done / total))

    spoken = any(a.speech for a in audio.values())
    loaded = engine() if spoken else None
    caller_leg = transcribe_leg(audio["caller"], loaded, told, tag=True)
    # which language the agent speaks only matters beside a caller who does not speak Mandarin
    dialect = any(s.language != "zh" for s in caller_leg.speech)
    agent_leg = transcribe_leg(audio["agent"], loaded, told, tag=dialect)
    duration = max(a.duration_ms for a in audio.values())
    notes = [f"{role}: {a.state}{f'（{a.note}）' if a.note else ''}" for role, a in audio.items()]
    name = f"{loaded.name}:{loaded.model}" if loaded is not None else "none"
    transcript = Transcript(_with_drift(facts, audio), agent_leg, caller_leg, duration, name)
    return Transcribed(transcript, audio["agent"].state, audio["caller"].state, "；".join(notes))


def _with_drift(facts: CallFacts, audio: dict[str, LegAudio]) -> CallFacts:
    """Legs whose lengths differ by more than 2 % are out of step: their timing proves nothing."""
    lengths = [a.duration_ms for a in audio.values() if a.duration_ms]
    if len(lengths) == 2 and max(lengths) - min(lengths) > max(500.0, _DRIFT * max(lengths)):
        return replace(facts, timing_trusted=False)
    return facts


def transcribe_leg(
    audio: LegAudio, engine: Engine | None, told: Callable[[int], None] = lambda _: None, *, tag: bool = False
) -> Leg:
    """Words, speech with its share really transcribed, and the noise of one leg; `tag`: its language too."""
    if audio.state not in (AudioState.OK, AudioState.SILENT):
        return Leg(usable=False, note=f"{audio.state}：{audio.note}")
    if engine is None or not audio.speech:
        return Leg(noise=audio.noise)
    words: list[Word] = []
    speech: list[Speech] = []
    language = engine.language_of(_speech_only(audio, engine.rate)) if tag else None
    for pack in packs(pieces(audio.speech, audio.duration_ms, engine.longest_s), engine.longest_s):
        for piece, heard in _recognise(engine, audio, pack):
            words += _placed(heard, piece)
            share = heard_share(heard, piece)
            speech += [Speech(s.t0, s.t1, share, s.level, language) for s in piece.speech]
            told(sum(s.t1 - s.t0 for s in piece.speech))
    return Leg(tuple(words), tuple(speech), audio.noise)


def _recognise(engine: Engine, audio: LegAudio, pack: Pack) -> list[tuple[Piece, Heard]]:
    """Recognise a pack and share the words out to its pieces; what came out badly gets a try of its own."""
    cut = [_between(audio, p.t0, p.t1, engine.rate) for p in pack.pieces]
    if len(cut) == 1:
        return [(pack.pieces[0], engine.recognise(cut[0]))]
    gap = np.zeros(GAP_MS * engine.rate // 1000, dtype=np.float32)
    joined = np.concatenate([part for c in cut for part in (c, gap)])
    whole = engine.recognise(joined)
    out = []
    for piece, start, alone in zip(pack.pieces, pack.starts, cut, strict=True):
        heard = _part(whole, start, piece.t1 - piece.t0)
        if heard_share(heard, piece) < _WORTH_ANOTHER_TRY:
            again = engine.recognise(alone)
            if heard_share(again, piece) > heard_share(heard, piece):
                heard = again
        out.append((piece, heard))
    return out


def _part(whole: Heard, start: int, length: int) -> Heard:
    """What of a pack was heard in one of its pieces, in the time of that piece."""
    a, b = start / 1000, (start + length) / 1000
    margin = GAP_MS / 2000
    words = tuple(
        HeardWord(w.text, max(0.0, w.start - a), min(w.end, b) - a, w.confidence)
        for w in whole.words
        if a - margin <= (w.start + w.end) / 2 < b + margin
    )
    doubtful = tuple((x - a, y - a) for x, y in whole.doubtful if x < b and y > a)
    return Heard("".join(w.text for w in words), words, whole.language, doubtful)


def _between(audio: LegAudio, t0: int, t1: int, rate: int) -> Samples:
    """A stretch of a leg at the rate of the recogniser; resampled here so that hours never are at once."""
    return resample(audio.samples[t0 * audio.rate // 1000 : t1 * audio.rate // 1000], audio.rate, rate)


def _speech_only(audio: LegAudio, rate: int) -> Samples:
    """The first half minute of speech, without pauses."""
    parts: list[Samples] = []
    length = 0
    for s in audio.speech:
        parts.append(_between(audio, s.t0, s.t1, rate))
        length += len(parts[-1])
        if length >= _LANGUAGE_S * rate:
            break
    return np.concatenate(parts)[: _LANGUAGE_S * rate]


def _placed(heard: Heard, piece: Piece) -> list[Word]:
    """Words in call time, kept inside the piece and moved off the pauses that VAD is sure of."""
    out = []
    for w in heard.words:
        t0 = min(max(piece.t0 + round(w.start * 1000), piece.t0), piece.t1)
        t1 = min(max(piece.t0 + round(w.end * 1000), t0), piece.t1)
        out.append(Word(w.text, *_on_speech(t0, t1, piece.speech), round(w.confidence, 3)))
    return out


def _on_speech(t0: int, t1: int, speech: tuple[Stretch, ...]) -> tuple[int, int]:
    """A word that reaches into a pause is cut back to the speech it overlaps most."""
    best = max(speech, key=lambda s: min(t1, s.t1) - max(t0, s.t0))
    a, b = max(t0, best.t0), min(t1, best.t1)
    return (a, b) if b > a else (t0, t1)


def heard_share(heard: Heard, piece: Piece) -> float:
    """How much of a piece was really transcribed: nothing where it is doubtful, less where words are few."""
    length = (piece.t1 - piece.t0) / 1000
    doubtful = sum(max(0.0, min(b, length) - max(a, 0.0)) for a, b in heard.doubtful)
    if not heard.words or doubtful > length / 2:
        return 0.0
    if sum(w.confidence for w in heard.words) / len(heard.words) < _SURE:
        return 0.0
    spoken = sum(s.t1 - s.t0 for s in piece.speech) / 1000
    letters = sum(c.isalnum() for w in heard.words for c in w.text)
    return round(min(1.0, letters / max(1.0, spoken * _SLOWEST)), 3)
