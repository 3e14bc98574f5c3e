"""Vosk behind the engine port; the only import of vosk."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from cti.errors import Unavailable
from cti.speech.engine import Heard, HeardWord, Samples, is_loop

_RATE = re.compile(r"^--sample-frequency=(\d+)", re.MULTILINE)
_CHUNK_S = 0.2
_HAN_GAP = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")


def model_rate(folder: Path) -> int:
    """The sample rate a Kaldi model was trained for; 16 kHz where its conf/mfcc.conf does not say."""
    conf = folder / "conf" / "mfcc.conf"
    found = _RATE.search(conf.read_text(encoding="utf-8", errors="replace")) if conf.is_file() else None
    return int(found[1]) if found else 16_000


class VoskListening:
    """One utterance; decoding happens while it is fed."""

    def __init__(self, recogniser: Any, rate: int, language: str) -> None:
        self._recogniser, self._rate, self._language = recogniser, rate, language
        self._parts: list[dict[str, Any]] = []
        self._samples = 0

    def feed(self, samples: Samples) -> None:
        """Decode the next stretch."""
        pcm = (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
        self._samples += len(samples)
        step = int(self._rate * _CHUNK_S) * 2
        for i in range(0, len(pcm), step):
            if self._recogniser.AcceptWaveform(pcm[i : i + step]):
                self._parts.append(json.loads(self._recogniser.Result()))

    def partial(self) -> str:
        """The text so far."""
        now = json.loads(self._recogniser.PartialResult()).get("partial", "")
        return self._text(now)

    def finish(self) -> Heard:
        """The text with its words."""
        self._parts.append(json.loads(self._recogniser.FinalResult()))
        words = tuple(
            HeardWord(w["word"], float(w["start"]), float(w["end"]), float(w.get("conf", 0.0)))
            for part in self._parts
            for w in part.get("result", ())
        )
        text = self._text("")
        doubtful = ((0.0, self._samples / self._rate),) if is_loop(text) else ()
        return Heard(text, words, self._language, doubtful)

    def _text(self, more: str) -> str:
        texts = [*(p["text"] for p in self._parts if p.get("text")), *([more] if more else [])]
        return _HAN_GAP.sub("", " ".join(texts))


class VoskEngine:
    """One Vosk model with a fresh recogniser for every stretch.

    A kept recogniser is faster but carries the speaker's state over and changes the text.
    """

    name = "vosk"
    longest_s = 60.0
    partial_s = 0.3

    def __init__(self, folder: Path, model: str, *, language: str = "zh") -> None:
        """Load the model in `folder`; Unavailable where the files are missing or damaged."""
        if not (folder / "conf").is_dir() and not (folder / "mfcc.conf").is_file():
            raise Unavailable(f"no Vosk model in {folder}")
        import vosk

        api: Any = vosk  # ships no types
        api.SetLogLevel(-1)
        self.model = model
        self.rate = model_rate(folder)
        self._language = language
        self._vosk = api
        try:
            self._loaded = api.Model(model_path=str(folder))
        except Exception as e:  # vosk raises nothing more precise
            raise Unavailable(f"Vosk model in {folder} does not load") from e

    def recognise(self, samples: Samples) -> Heard:
        """Recognise one stretch; its words come without the spaces Vosk puts between Chinese words."""
        listening = self.listen()
        listening.feed(samples)
        return listening.finish()

    def listen(self) -> VoskListening:
        """A new recogniser for one utterance."""
        recogniser = self._vosk.KaldiRecognizer(self._loaded, float(self.rate))
        recogniser.SetWords(True)
        return VoskListening(recogniser, self.rate, self._language)

    def language_of(self, samples: Samples) -> str | None:
        """A Vosk model knows one language only, so it cannot tell."""
        return None
