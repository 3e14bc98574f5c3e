"""Logs as JSON lines with phone numbers masked, whoever wrote them."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

_NUMBER = re.compile(r"(?<![\d.])(\+?\d{3})(\d{2,})(\d{4})(?![\d.])")
_KEEP = frozenset({"event", "level", "timestamp", "part", "port", "linkedid", "seq", "ms", "pid"})


def mask(text: str) -> str:
    """Hide the middle of every run of 9 or more digits: ``13800138000`` → ``138****8000``."""
    return _NUMBER.sub(r"\1****\3", text)


def mask_name(name: str) -> str:
    """Keep the first character of a person's name: ``王小明`` → ``王**``."""
    return name[:1] + "*" * (len(name) - 1) if name else ""


def _mask_values(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and key not in _KEEP - {"event"}:
            event[key] = mask(value)
    return event


class _Stderr(io.TextIOBase):
    """Standard error as it is at each line; where it is closed or full, the line is lost, never the call."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def configure(level: str = "INFO", *, json: bool = True) -> None:
    """Set up logging for a process; called by the command line only."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask_values,
            structlog.processors.JSONRenderer(ensure_ascii=False)
            if json
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Stderr())),
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger bound to the name of its part."""
    # not logger=…: structlog takes that name itself
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return logger
