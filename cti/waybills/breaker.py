"""A circuit breaker: after some failures in a row nobody is made to wait for a back end that is down."""

from __future__ import annotations

import time
from collections.abc import Callable

from cti.errors import Unavailable


class Breaker:
    """Opens after `failures` in a row, for `rest_s`; then one call may try, and closes or opens it again."""

    def __init__(
        self, failures: int = 5, rest_s: float = 10.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._rest_s = rest_s
        self._clock = clock
        self._failed = 0
        self._opened_at: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """True while calls are refused without being tried."""
        if self._opened_at is None:
            return False
        return self._trying or self._clock() - self._opened_at < self._rest_s

    def enter(self) -> None:
        """Before a call. Raises Unavailable while open."""
        if self.is_open:
            raise Unavailable("the back end has failed several times; it is left alone for a while")
        self._trying = self._opened_at is not None

    def succeeded(self) -> None:
        """The call was answered, whatever the answer."""
        self._failed, self._opened_at, self._trying = 0, None, False

    def failed(self) -> None:
        """The call was not answered."""
        self._failed += 1
        self._trying = False
        if self._failed >= self._limit:
            self._opened_at = self._clock()

    def left(self) -> None:
        """The call ended without telling anything about the back end (cancelled)."""
        self._trying = False
