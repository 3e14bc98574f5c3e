"""faster-whisper behind the engine port; the only import of faster_whisper."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cti.errors import Unavailable
from cti.speech.engine import Heard, HeardWord, Samples, is_loop

_MIN_LOGPROB = -1.0  # mean log probability of a token; Whisper's own default for "decoding failed"
_MAX_NO_SPEECH = 0.6
_SURE_LANGUAGE = 0.7  # Mandarin legs came out at 0.94 and more, synthetic Cantonese under 0.5
_MAX_COMPRESSION = 2.4  # zlib ratio of a text that repeats itself


class WhisperListening:
    """One utterance; it is only kept until somebody asks."""

    def __init__(self, engine: WhisperEngine) -> None:
        self._engine = engine
        self._parts: list[Samples] = []

    def feed(self, samples: Samples) -> None:
        """Keep the next stretch."""
        self._parts.append(samples)

    def partial(self) -> str:
        """The growing piece read anew."""
        return self._engine.glance(self._whole())

    def finish(self) -> Heard:
        """The whole piece, with word times."""
        return self._engine.recognise(self._whole())

    def _whole(self) -> Samples:
        return np.concatenate(self._parts) if self._parts else np.zeros(0, dtype=np.float32)


class WhisperEngine:
    """Greedy-context-free Whisper on the processor (CTranslate2, int8)."""

    name = "whisper"
    rate = 16_000
    longest_s = 25.0  # its window is 30 s
    partial_s = 1.0

    def __init__(self, folder: Path, model: str, *, language: str = "zh", threads: int = 1) -> None:
        """Load the model in `folder`; Unavailable where the package or the files are missing or damaged."""
        try:
            from faster_whisper import WhisperModel
        except ImportError as e:
            raise Unavailable("faster-whisper is not installed (pip install 'laidian[whisper]')") from e
        self.model = model
        self._language = language
        try:
            self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)
        except (RuntimeError, ValueError, OSError) as e:
            raise Unavailable(f"Whisper model in {folder} does not load: {e}") from e

    def recognise(self, samples: Samples) -> Heard:
        """Recognise one stretch of at most `longest_s` seconds."""
        segments, _ = self._model.transcribe(
            samples,
            language=self._language,
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            vad_filter=False,
            without_timestamps=False,
        )
        words: list[HeardWord] = []
        texts: list[str] = []
        doubtful: list[tuple[float, float]] = []
        for segment in segments:
            silent = segment.no_speech_prob > _MAX_NO_SPEECH and segment.avg_logprob < _MIN_LOGPROB
            made_up = silent or segment.compression_ratio > _MAX_COMPRESSION or is_loop(segment.text)
            if made_up or segment.avg_logprob < _MIN_LOGPROB:
                doubtful.append((float(segment.start), float(segment.end)))
            if made_up:
                continue
            texts.append(segment.text)
            words += [
                HeardWord(w.word.strip(), float(w.start), float(w.end), float(w.probability))
                for w in segment.words or ()
                if w.word.strip()
            ]
        return Heard("".join(texts).strip(), tuple(words), self._language, tuple(doubtful))

    def listen(self) -> WhisperListening:
        """An utterance that is read anew for each partial text, and once more at its end."""
        return WhisperListening(self)

    def glance(self, samples: Samples) -> str:
        """A quick text of a stretch: no search, no word times."""
        segments, _ = self._model.transcribe(
            samples,
            language=self._language,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            vad_filter=False,
        )
        texts = [s.text for s in segments if s.compression_ratio <= _MAX_COMPRESSION and not is_loop(s.text)]
        return "".join(texts).strip()

    def language_of(self, samples: Samples) -> str | None:
        """The language Whisper is sure of; a dialect it was not trained on leaves it unsure."""
        language, probability, _ = self._model.detect_language(samples)
        return str(language) if probability >= _SURE_LANGUAGE else None
