"""What must not be lost, on disk before anybody is told: an append-only file in front of the store.

A record is one line of JSON, written with one system call. It then survives the end of the process by
whatever signal; a loss of power may cost what the kernel had not yet written (some seconds), as it may
with the store's own log. The store takes the records in order when it can; what it has taken is noted
in a second file, so that after a crash the rest is taken again. Taking a record twice must be harmless.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cti.errors import Unavailable, UsageError

MAX_BYTES = 2 * 1024**3
READ_BYTES = 256 * 1024
MAX_RECORD = 64 * 1024
TRIM_BYTES = 1024 * 1024


def line_of(record: Mapping[str, Any]) -> bytes:
    """A record as a line. Raises UsageError when it is too long."""
    line = json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str).encode() + b"\n"
    if len(line) > MAX_RECORD:
        raise UsageError(f"a journal record of {len(line)} bytes is too long")
    return line


class Journal:
    """The file in `directory`; one process at a time (Unavailable otherwise), one call at a time."""

    def __init__(self, directory: Path, *, max_bytes: int = MAX_BYTES) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(directory / "journal.jsonl", flags | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise Unavailable(f"{directory} is used by another service") from None
        self._taken_file = os.open(directory / "journal.taken", flags, 0o600)
        self._rejected = directory / "rejected.jsonl"
        self._max = max_bytes
        self._size = os.fstat(self._file).st_size
        self._taken = min(self._read_taken(), self._size)
        self._mend()

    @property
    def pending(self) -> int:
        """Bytes that the store has not taken yet."""
        return self._size - self._taken

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record. Raises Unavailable when the disk or the journal is full."""
        self.write(line_of(record))

    def write(self, lines: bytes) -> None:
        """Write whole lines with one system call, or none of them."""
        if self._size + len(lines) > self._max:
            raise Unavailable("the journal is full: the store has been away for too long")
        try:
            written = os.write(self._file, lines)
        except OSError as e:
            raise Unavailable(f"the journal cannot be written: {e.strerror}") from e
        if written != len(lines):  # disk full in the middle of a line
            os.ftruncate(self._file, self._size)
            raise Unavailable("the journal cannot be written: the disk is full")
        self._size += written

    def read(self) -> tuple[list[dict[str, Any]], int]:
        """The oldest records that are not taken yet, and the mark to give to `take`."""
        data = os.pread(self._file, READ_BYTES, self._taken)
        end = data.rfind(b"\n") + 1
        records = []
        for line in data[:end].splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                self.reject(line)
                continue
            if isinstance(record, dict):
                records.append(record)
        return records, self._taken + end

    def take(self, mark: int) -> None:
        """Everything before `mark` is in the store."""
        self._taken = mark
        if self._taken == self._size and self._size > TRIM_BYTES:
            # the mark first: a crash between the two lines takes records again, never skips one
            os.pwrite(self._taken_file, b"%020d" % 0, 0)
            os.ftruncate(self._file, 0)
            self._taken = self._size = 0
        else:
            os.pwrite(self._taken_file, b"%020d" % mark, 0)

    def reject(self, line: bytes) -> None:
        """Keep apart what the store will never take, so that it does not block the rest."""
        with self._rejected.open("ab") as file:
            file.write(line + b"\n")

    def close(self) -> None:
        os.close(self._file)
        os.close(self._taken_file)

    def _read_taken(self) -> int:
        text = os.pread(self._taken_file, 20, 0)
        return int(text) if text.isdigit() else 0

    def _mend(self) -> None:
        """Cut off half a line that a loss of power left at the end."""
        start = max(self._size - MAX_RECORD, self._taken)
        tail = os.pread(self._file, self._size - start, start)
        if tail and not tail.endswith(b"\n"):
            self.reject(tail[tail.rfind(b"\n") + 1 :])
            self._size = start + tail.rfind(b"\n") + 1
            os.ftruncate(self._file, self._size)
