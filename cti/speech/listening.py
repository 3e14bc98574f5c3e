"""The port of a recogniser that hears speech while it is spoken; `engine.Engine` reads it whole.

One `Listening` is one utterance. What costs time in it depends on the engine: Vosk decodes as it is fed and
tells a partial text for nothing; Whisper is fed for nothing and reads the whole growing piece again for a
partial text. The worker therefore feeds and asks only when it has the time.
"""

from __future__ import annotations

from typing import Protocol

from cti.speech.engine import Engine, Heard, Samples


class Listening(Protocol):
    """One utterance that is being spoken; used from one thread."""

    def feed(self, samples: Samples) -> None:
        """The next stretch of it, mono in −1…1 at the engine's rate."""

    def partial(self) -> str:
        """What it seems to be so far."""

    def finish(self) -> Heard:
        """What it was; nothing may be fed afterwards."""


class StreamEngine(Engine, Protocol):
    """An engine that can also listen."""

    partial_s: float  # so much new speech makes a new partial text worth while, seconds

    def listen(self) -> Listening:
        """A new utterance."""
