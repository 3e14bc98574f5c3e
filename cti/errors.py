"""Errors that say whose fault it was, so that a caller can decide what to do without reading the text."""

from __future__ import annotations


class LaidianError(Exception):
    """Base of everything this product raises on purpose."""


class UsageError(LaidianError):
    """Our own caller asked for something that makes no sense (bad argument, wrong order)."""


class ConfigError(LaidianError):
    """A setting or a data file of the owner is wrong; the text names file, line and key of every fault."""


class ProtocolError(LaidianError):
    """The peer sent something that its protocol does not allow."""


class TransportError(LaidianError):
    """The connection failed or was lost."""


class DeadlineExceeded(LaidianError):
    """Nothing came back within the deadline; the text says what was waited for and how long."""


class Unavailable(LaidianError):
    """A part that is needed is not there now (store down, engine missing); trying later may help."""


class Refused(LaidianError):
    """The peer understood and said no; the text holds its reason."""


class StateError(LaidianError):
    """An event arrived that the present state has no edge for; the text holds both."""
