"""Free ports for instances and phones that run beside others. Below the range that clients draw from."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cti.errors import Unavailable

HOST = "127.0.0.1"
FIRST, LAST, BLOCK = 20000, 32000, 600
# A port is only probed here and bound later, by another program. So each process draws from a block that
# it has locked for its life (the file stays open), and never gives the same port twice in a round.


@cache
def _round() -> Iterator[int]:
    """Even ports of this process's block, again and again."""
    starts = range(FIRST, LAST, BLOCK)
    for shift in range(len(starts)):
        start = starts[(os.getpid() + shift) % len(starts)]
        name = Path(tempfile.gettempdir()) / f"laidian-ports-{os.getuid()}-{start}"
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            continue
        return itertools.cycle(range(start, start + BLOCK - 16, 2))  # rows stay inside
    return itertools.cycle(range(FIRST, LAST, 2))  # so many at once: probing has to do


def free_udp(count: int = 1) -> int:
    """The first of `count` UDP ports in a row, even, that nobody holds now."""
    return _free(socket.SOCK_DGRAM, count)


def free_tcp() -> int:
    """A TCP port that nobody holds now."""
    return _free(socket.SOCK_STREAM, 1)


def _free(kind: socket.SocketKind, count: int) -> int:
    for _ in range(400):
        first = next(_round())
        for _ in range((count - 1) // 2):
            next(_round())
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket(socket.AF_INET, kind)).bind((HOST, port))
            return first
    raise Unavailable(f"no {count} free ports in a row between {FIRST} and {LAST}")
