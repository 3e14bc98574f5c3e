"""What aiohttp has to say, in our log: one line without what was sent, which may hold tokens and numbers."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

from cti.obs import get_logger

_log = get_logger("http")


class QuietLog(logging.Logger):
    """Given to aiohttp in place of its own logger."""

    def __init__(self) -> None:
        super().__init__("laidian.http", logging.WARNING)

    def _log(
        self,
        level: int,
        msg: object,
        args: Any,
        exc_info: Any = None,
        extra: Mapping[str, object] | None = None,
        stack_info: bool = False,
        stacklevel: int = 1,
    ) -> None:
        error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1]
        if isinstance(exc_info, tuple):
            error = exc_info[1]
        kind = type(error).__name__ if error is not None else ""
        if isinstance(error, HttpProcessingError | ValueError):
            _log.warning("bad request", why=kind)
        else:
            _log.log(level, "http server", why=kind)
