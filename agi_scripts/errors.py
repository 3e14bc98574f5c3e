"""What can end a self-service call early."""

from __future__ import annotations

from cti.errors import LaidianError


class CallerHungUp(LaidianError):
    """The caller is gone: ordinary, at any moment."""


class CommandFailed(LaidianError):
    """Asterisk could not do it (missing sound, full disk …) and the caller is still there."""


class Draining(LaidianError):
    """The server is going away: end this call at once in a safe way."""
