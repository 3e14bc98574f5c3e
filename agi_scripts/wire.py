"""AGI as bytes: lines in, replies out, arguments quoted. No socket, no clock, no loop.

Source: Asterisk 22 ``res_agi.c``. A session opens with ``agi_key: value`` lines and an empty line; then each
command line of ours is answered by ``CODE result=R (data) endpos=N``. Usage errors come as ``520-`` … ``520``
over many lines, a hang-up as a bare ``HANGUP`` line at any moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cti.errors import ProtocolError, UsageError

MAX_COMMAND = 2047  # bytes with the newline; Asterisk reads a command into 2,048 and cuts the rest off
MAX_LINE = 65_536  # bytes of one line from Asterisk
MAX_ENV = 256  # agi_ headers
MAX_USAGE = 1_000  # lines of one usage text
MAX_VALUE_LINES = 100  # further lines of a value that holds newlines

_REPLY = re.compile(r"result=(\S*)(?: \((.*)\))?(?: endpos=(-?\d+))?\s*$", re.DOTALL)
_ARGUMENT = r'(?:"[^"\\\r\n\0]*(?:\\[^\r\n\0][^"\\\r\n\0]*)*"|[^\s"\\\0]+)'
_COMMAND = re.compile(rf"[A-Za-z ]+(?:\0{_ARGUMENT})*").fullmatch  # arguments parted by NUL
_FORBIDDEN = re.compile("[\r\n\0]").search
_TO_ESCAPE = re.compile('[\\\\"\r\n\0]').search
_USUAL = re.compile(rb"200 result=([^\s()]*)(?: \(([^()\r\n]*)\))?(?: endpos=(-?\d+))?\n").fullmatch


@dataclass(frozen=True, slots=True)
class Environment:
    """What Asterisk says of the call before the first command: ``agi_channel``, ``agi_callerid`` …

    Of a repeated key the first value stands, so that text of the caller cannot overwrite an earlier header.
    """

    values: Mapping[str, str]


class Reply(NamedTuple):
    """The answer to one command; `result` and `data` are untrusted text, `endpos` counts samples."""

    code: int
    result: str = ""
    data: str = ""
    endpos: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller is gone; the channel only takes commands that are allowed on a dead one."""


Item = Environment | Reply | HangUp

_COMMON = {f"200 result={r}\n".encode(): Reply(200, r, text=f"result={r}") for r in ("0", "1")}


class Reader:
    """Cuts the bytes of one session into items, wherever the network cut them."""

    __slots__ = ("_between", "_buffer", "_env", "_more", "_open", "_usage")

    def __init__(self) -> None:
        self._buffer = b""
        self._env: dict[str, str] | None = {}
        self._usage: list[str] | None = None
        self._more: list[str] = []
        self._open: str | None = None  # a reply whose "(" has not been closed yet
        self._between = False  # nothing is half read

    def usual(self, data: bytes) -> Reply | None:
        """The reply if `data` is just one whole ordinary one (nearly always), else None: then `feed` it."""
        if not self._between:
            return None
        common = _COMMON.get(data)
        if common is not None:
            return common
        match = _USUAL(data)
        if match is None:
            return None
        result, value, endpos = match.groups()
        return Reply(
            200,
            result.decode("utf-8", "replace"),
            value.decode("utf-8", "replace") if value else "",
            int(endpos) if endpos else None,
            data[4:-1].decode("utf-8", "replace"),
        )

    def feed(self, data: bytes) -> list[Item]:
        """Take what arrived; return what is complete. Raises ProtocolError at what AGI does not allow."""
        if self._env == {} and not self._buffer and data.endswith(b"\n\n") and data.count(b"\n\n") == 1:
            return [self._whole_environment(data)]
        data = self._buffer + data if self._buffer else data
        *lines, self._buffer = data.split(b"\n")
        items: list[Item] = []
        for raw in lines:
            item = self._line(raw)
            if item is not None:
                items.append(item)
        if len(self._buffer) > MAX_LINE:
            raise ProtocolError(f"AGI line longer than {MAX_LINE} bytes")
        self._between = not self._buffer and self._env is None and self._usage is None and self._open is None
        return items

    def _whole_environment(self, data: bytes) -> Environment:
        """All headers in one read, as Asterisk sends them."""
        lines = data[:-2].decode("utf-8", "replace").split("\n")
        if len(lines) > MAX_ENV:
            raise ProtocolError(f"more than {MAX_ENV} AGI headers")
        self._env = None
        self._between = True
        lines.reverse()  # the first of a repeated key stands
        try:
            return Environment(dict([line.split(": ", 1) for line in lines]))
        except ValueError:  # a line that is no header
            parts = [line.partition(":") for line in lines]
            return Environment({key.strip(): value.strip() for key, colon, value in parts if colon and key})

    def _line(self, raw: bytes) -> Item | None:
        if len(raw) > MAX_LINE:
            raise ProtocolError(f"AGI line longer than {MAX_LINE} bytes")
        line = raw.decode("utf-8", "replace").rstrip("\r")
        if self._env is not None:
            return self._header(line, self._env)
        if self._usage is not None:
            return self._usage_line(line, self._usage)
        if self._open is not None:
            return self._rest_of_value(line)
        if line == "HANGUP":
            return HangUp()
        if not line:
            return None
        if not line[:3].isdigit() or (len(line) > 3 and line[3] not in " -"):
            raise ProtocolError(f"not an AGI reply: {line[:80]!r}")
        if line[3:4] == "-":
            self._usage = [line]
            return None
        return self._reply(line)

    def _header(self, line: str, env: dict[str, str]) -> Environment | None:
        if not line:
            self._env = None
            return Environment(env)
        if len(env) >= MAX_ENV:
            raise ProtocolError(f"more than {MAX_ENV} AGI headers")
        key, colon, value = line.partition(":")
        if colon and key:
            env.setdefault(key.strip(), value.strip())
        return None

    def _usage_line(self, line: str, usage: list[str]) -> Reply | None:
        usage.append(line)
        if line.startswith(usage[0][:3]) and line[3:4] != "-":
            self._usage = None
            return Reply(int(line[:3]), text="\n".join(usage))
        if len(usage) > MAX_USAGE:
            raise ProtocolError(f"AGI usage text longer than {MAX_USAGE} lines")
        return None

    def _rest_of_value(self, line: str) -> Reply | None:
        self._more.append(line)
        if len(self._more) > MAX_VALUE_LINES:
            raise ProtocolError(f"AGI value longer than {MAX_VALUE_LINES} lines")
        return self._reply("\n".join((self._open or "", *self._more))) if ")" in line else None

    def _reply(self, line: str) -> Reply | None:
        code = int(line[:3])
        if code == 100:  # "Trying": the answer is still to come
            return None
        rest = line[4:]
        match = _REPLY.match(rest)
        if match is None:
            if code == 200 and rest.startswith("result=") and " (" in rest:
                if self._open is None:
                    self._open, self._more = line, []
                return None
            self._open = None
            return Reply(code, text=rest)
        self._open = None
        result, data, endpos = match.groups()
        return Reply(code, result, data or "", int(endpos) if endpos else None, rest)


def quote(value: object) -> str:
    """One argument in double quotes, as Asterisk's own parser reads it back (``\\`` escapes any character).

    Raises UsageError for CR, LF and NUL: no escape exists for them and a newline would start a command.
    """
    text = str(value)
    if not _TO_ESCAPE(text):
        return f'"{text}"'
    if _FORBIDDEN(text):
        raise UsageError("an AGI argument may not hold CR, LF or NUL")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def command(verb: str, args: Iterable[object]) -> bytes:
    """The bytes of one command line.

    Each argument must be one token: quoted by `quote`, or without spaces, quotes and backslashes. Raises
    UsageError for anything else and for lines that Asterisk would cut.
    """
    return _command(verb, tuple([text for arg in args if (text := str(arg))]))


@lru_cache(maxsize=4096)  # callers hear the same prompts and set the same variables over and over
def _command(verb: str, texts: tuple[str, ...]) -> bytes:
    line = "\0".join((verb, *texts))
    if not _COMMAND(line) or line.count("\0") != len(texts):
        raise UsageError(f"AGI {verb}: an argument is not one token; quote it")
    sent = (line.replace("\0", " ") + "\n").encode()
    if len(sent) > MAX_COMMAND:
        raise UsageError(f"AGI {verb}: {len(sent)} bytes are more than the {MAX_COMMAND} that Asterisk reads")
    return sent
