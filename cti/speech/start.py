"""Puts a speech worker together from the settings, and runs several side by side."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from pathlib import Path

from cti.config import Settings
from cti.obs import get_logger
from cti.quality.rules import RuleSet, load, load_presets, with_weights
from cti.speech.choose import choose, load_engine
from cti.speech.worker import Recogniser, SpeechWorker, began, worker_name
from cti.store import migrations
from cti.store.db import Database

_log = get_logger("speech")
NICE = 10  # calls and pages come first


def rules_of(settings: Settings) -> RuleSet:
    """The rules in force. Raises ConfigError with every fault of a wrong file.

    Reading them takes half a second, so what was read is kept until an own file changes.
    """
    quality = settings.quality
    changed = tuple(f.stat().st_mtime_ns if f.is_file() else 0 for f in quality.rules)
    return _read(tuple(quality.rules), changed, tuple(sorted(quality.weights.items())))


@lru_cache(maxsize=4)
def _read(
    files: tuple[Path, ...], changed: tuple[int, ...], weights: tuple[tuple[str, float], ...]
) -> RuleSet:
    rules = load(files) if files else load_presets()
    return with_weights(rules, dict(weights)) if weights else rules


def recogniser_of(settings: Settings, *, may_pull: bool | None = None) -> Recogniser:
    """The engine of the settings, not loaded yet. Raises Unavailable where there is none."""
    speech = settings.speech
    choice = choose(
        speech.engine,
        speech.models.expanduser(),
        vosk_folder=speech.vosk_model.expanduser() if speech.vosk_model else None,
        may_pull=speech.auto_pull if may_pull is None else may_pull,
    )
    return Recogniser(choice, lambda: load_engine(choice, threads=speech.threads))


def work(settings: Settings, stop: threading.Event, *, workers: int = 1, parent: int | None = None) -> None:
    """Run so many workers in threads until told to stop, or until the `parent` process is gone."""
    os.nice(max(0, NICE - os.nice(0)))
    db = Database(settings.store.url, threads=2 * workers + 1)
    try:
        migrations.upgrade(db)
        rules = rules_of(settings)
        crew = [
            SpeechWorker(settings, db, rules, lambda: recogniser_of(settings), name=worker_name(n))
            for n in range(workers)
        ]
        threads = [threading.Thread(target=w.run, name=f"speech-{n}") for n, w in enumerate(crew)]
        for thread in threads:
            thread.start()
        while not stop.wait(1.0):
            if parent is not None and not _lives(parent):
                _log.warning("the service is gone, the speech worker ends too")
                break
        for worker in crew:
            worker.stop()
        for thread in threads:
            thread.join()
    finally:
        db.close()


def _lives(pid: int) -> bool:
    return os.getppid() == pid or began(pid) != ""
