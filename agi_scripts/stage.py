"""Greenlets that play the scripts of calls, one after another.

A greenlet of its own for each call has a stack for Python's frames mapped and unmapped (seen in its system
calls), which a short call pays for. So those that have played a script to its end wait for the next.
"""

from __future__ import annotations

from collections.abc import Callable

import greenlet

IDLE = 256
"""So many wait at most; in a rush more are made, and let go afterwards."""
Play = Callable[[], None]


class Stage:
    """The greenlets of one event loop."""

    def __init__(self) -> None:
        self._idle: list[greenlet.greenlet] = []

    def take(self) -> greenlet.greenlet:
        """One that runs what it is first switched to with (a `Play`, which must not raise)."""
        return self._idle.pop() if self._idle else greenlet.greenlet(self._run)

    def _run(self, play: Play) -> None:
        here = greenlet.getcurrent()
        while True:
            play()
            if here.parent is None or len(self._idle) >= IDLE:
                return
            self._idle.append(here)
            play = here.parent.switch()
