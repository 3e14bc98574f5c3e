"""The ledger and everything else that is recorded: through the journal into the store, off the hot path.

Records go to the journal's file in a thread, all that have come meanwhile in one write (well under a
millisecond, unless the disk stalls: then pops still go on). What somebody is answered for (drafts, 话后完成)
waits for `kept`; SIGKILL can only cost steps that were still on their way to the file. From the file the
store gets them, a quarter of a second later or when it is back; steps of one pop that come close together
become one statement.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from cti.errors import DeadlineExceeded, LaidianError, Unavailable
from cti.obs import get_logger
from cti.store.db import Database
from screenpop.journal import Journal, line_of
from screenpop.ledger_sql import apply

T = TypeVar("T")
_log = get_logger("ledger")

KEPT_S = 2.0
MAX_WAITING = 100_000  # records on their way to the disk
GATHER_S = 0.25  # steps of one pop within this time become one statement
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
WRITE_DEADLINE_S = 10.0


class LedgerWriter:
    """Takes records and brings them to the journal and to the store in their order."""

    def __init__(self, db: Database, journal: Journal) -> None:
        self._db = db
        self._journal = journal
        self._lines: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._writing: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self.failures = 0  # of the store since the last success, for /metrics and /readyz
        self.lost = 0  # records that the journal did not take

    @property
    def pending(self) -> int:
        """Bytes that the store does not have yet."""
        return self._journal.pending + sum(map(len, self._lines))

    def add(self, record: Mapping[str, Any]) -> None:
        """Record it. Raises Unavailable when far too much waits for the disk, UsageError when too long."""
        if len(self._lines) >= MAX_WAITING:
            self.lost += 1
            raise Unavailable("the journal's disk does not take records")
        self._lines.append(line_of(record))
        self._idle.clear()
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="journal")

    async def kept(self, deadline: float = KEPT_S) -> None:
        """Return when everything added so far is on the disk. Raises Unavailable when it is not in time."""
        if not self._lines and self._writing is None:
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            async with asyncio.timeout(deadline):
                await future
        except TimeoutError:
            raise Unavailable("the journal's disk does not answer") from None

    async def _write(self) -> None:
        while self._lines or self._waiting:
            lines, self._lines = self._lines, []
            waiting, self._waiting = self._waiting, []
            fault: Unavailable | None = None
            try:
                await self._in_thread(partial(self._journal.write, b"".join(lines)))
            except Unavailable as e:
                fault = e
                self.lost += len(lines)
                _log.error("not recorded", why=str(e), records=len(lines), lost=self.lost)
            for future in waiting:
                if fault is None and not future.done():
                    future.set_result(None)
                elif not future.done():
                    future.set_exception(Unavailable(str(fault)))
            self._wake.set()
        self._writing = None

    def start(self) -> None:
        self._wake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ledger")

    async def settled(self, deadline: float) -> bool:
        """Wait until the store has everything; False if it has not within `deadline` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await self._idle.wait()
        return self.pending == 0

    async def stop(self, deadline: float = 5.0) -> None:
        """Bring over what there is, within `deadline` seconds; the rest stays in the journal."""
        if self._task is None:
            return
        with contextlib.suppress(Unavailable):
            await self.kept(deadline)
        await self.settled(deadline)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._thread.shutdown(wait=True)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            while self._journal.pending:
                batch, mark = await self._in_thread(self._journal.read)
                await self._bring(batch)
                await self._in_thread(partial(self._journal.take, mark))
            if self._writing is None:
                self._idle.set()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """All work on the journal's files runs in its one thread: a disk that stalls stalls no pop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _bring(self, batch: list[dict[str, Any]]) -> None:
        """One transaction, tried until the store takes it.

        A record that the store refuses for good is put aside, alone.
        """
        while True:
            try:
                await self._db.write(lambda c: apply(c, batch), deadline=WRITE_DEADLINE_S)
            except (Unavailable, DeadlineExceeded) as e:
                self.failures += 1
                _log.warning("the store does not take the ledger", why=str(e), pending_bytes=self.pending)
                await asyncio.sleep(BACKOFF_S[min(self.failures, len(BACKOFF_S)) - 1])
            except (SQLAlchemyError, LaidianError, LookupError, TypeError, ValueError) as e:
                if len(batch) == 1:
                    _log.error("record refused", op=str(batch[0].get("op")), why=type(e).__name__)
                    line = json.dumps(batch[0], ensure_ascii=False).encode()
                    await self._in_thread(partial(self._journal.reject, line))
                    return
                for record in batch:
                    await self._bring([record])
                return
            else:
                self.failures = 0
                return
