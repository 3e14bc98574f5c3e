"""Words without a recording, as a sound that Asterisk can be told to play."""

from __future__ import annotations

from pathlib import Path

from ivr_flows import tts

FOLDER = "tts"


class SoundFolder:
    """Speaks into a folder of Asterisk's own sounds; `prefix` is how the dialplan names that folder."""

    def __init__(self, sounds: Path, prefix: str, engines: tuple[tts.Engine, ...]) -> None:
        self._prefix = f"{prefix}/{FOLDER}"
        self._voice = tts.Voice(sounds / FOLDER, engines)

    async def speak(self, text: str) -> str:
        """The name of the sound. Raises Unavailable where no engine can make it."""
        return f"{self._prefix}/{(await self._voice.speak(text)).stem}"
