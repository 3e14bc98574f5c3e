"""A speech worker in a process of its own whose engine says what the test wants; stops dead in a phase.

``python -m tests.qa.speech_worker SETTINGS.json [PHASE]``: prints each phase; in PHASE it waits to be killed.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from cti.config import Settings
from cti.speech.choose import Choice
from cti.speech.engine import Engine, Heard, HeardWord, Samples
from cti.speech.start import rules_of
from cti.speech.worker import Recogniser, SpeechWorker, worker_name
from cti.store.db import Database

SAID = "您好欢迎致电来电速运客户服务热线客服代表小李很高兴为您服务请问有什么可以帮助您"


class SayingEngine:
    """Hears the same sentence in every stretch; implements the port of recognisers."""

    name, model, rate, longest_s = "saying", "one", 8000, 30.0

    def recognise(self, samples: Samples) -> Heard:
        length = len(samples) / self.rate / len(SAID)
        words = tuple(HeardWord(c, i * length, (i + 1) * length, 0.95) for i, c in enumerate(SAID))
        return Heard(SAID, words, "zh")

    def language_of(self, samples: Samples) -> str | None:
        return "zh"


def saying() -> Recogniser:
    """The recogniser of `SayingEngine`."""

    def load() -> Engine:
        return SayingEngine()

    return Recogniser(Choice("saying", "one", Path(), "for a test"), load)


def main() -> None:
    settings = Settings(**json.loads(Path(sys.argv[1]).read_text()))
    until = sys.argv[2] if len(sys.argv) > 2 else ""
    db = Database(settings.store.url)

    def on_phase(phase: str) -> None:
        print(phase, flush=True)
        if phase == until:
            threading.Event().wait()

    worker = SpeechWorker(settings, db, rules_of(settings), saying, name=worker_name(), on_phase=on_phase)
    print("ready", flush=True)
    while True:
        if not worker.once():
            time.sleep(0.02)


if __name__ == "__main__":
    main()
