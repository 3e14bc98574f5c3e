"""Which engine reads a call: Vosk where its Mandarin model is there, else Whisper, and it is said so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cti.errors import LaidianError, Unavailable
from cti.speech import models
from cti.speech.listening import StreamEngine
from cti.speech.models import ModelState

VOSK_MODEL = "vosk-model-small-cn-0.22"
WHISPER_MODEL = "whisper-base"


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that will be used, the folder of its model, and why, in one sentence for people."""

    engine: str
    model: str
    folder: Path
    reason: str


def choose(
    wanted: str, models_dir: Path, *, vosk_folder: Path | None = None, may_pull: bool = True
) -> Choice:
    """Pick an engine: `wanted` is vosk, whisper or auto (Vosk first). Unavailable where none can be had."""
    entry = models.spec(VOSK_MODEL)
    if wanted in ("vosk", "auto"):
        if vosk_folder is not None:
            if not vosk_folder.is_dir():
                raise Unavailable(f"设置的 Vosk 模型文件夹不存在：{vosk_folder}")
            return Choice("vosk", vosk_folder.name, vosk_folder, "使用设置里指定的 Vosk 模型")
        if models.state_of(entry, models_dir) is ModelState.READY:
            return Choice("vosk", entry.id, models.folder_of(entry, models_dir), "普通话 Vosk 模型已就位")
        if wanted == "vosk":
            raise Unavailable(f"没有普通话 Vosk 模型 {entry.id}。{entry.by_hand}")
    whisper = models.spec(WHISPER_MODEL)
    reason = f"没有普通话 Vosk 模型（{VOSK_MODEL}），改用 faster-whisper（{WHISPER_MODEL}）"
    if wanted == "whisper":
        reason = f"按要求使用 faster-whisper（{WHISPER_MODEL}）"
    if models.state_of(whisper, models_dir) is not ModelState.READY:
        if not may_pull:
            raise Unavailable(
                f"没有可用的语音识别模型；执行 laidian models pull {WHISPER_MODEL}。{entry.by_hand}"
            )
        try:
            models.pull(whisper, models_dir)
        except LaidianError as e:
            raise Unavailable(f"没有可用的语音识别模型，{WHISPER_MODEL} 也取不到：{e}") from e
    return Choice("whisper", whisper.id, models.folder_of(whisper, models_dir), reason)


def load_engine(choice: Choice, *, threads: int = 1) -> StreamEngine:
    """Load the chosen engine's model (seconds, hundreds of MB)."""
    if choice.engine == "vosk":
        from cti.speech.vosk_engine import VoskEngine

        return VoskEngine(choice.folder, choice.model)
    from cti.speech.whisper_engine import WhisperEngine

    return WhisperEngine(choice.folder, choice.model, threads=threads)
