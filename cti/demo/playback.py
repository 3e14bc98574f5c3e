"""An AMI server that plays recorded traces, for machines where no Asterisk can be had.

It speaks the protocol on a real socket, so that the same service stands behind it; what it plays was
recorded from a real Asterisk (``traces/``). It cannot ring a phone, and the demo says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from cti.ami.trace import Head, Said, read
from cti.errors import ConfigError

GREETING = b"Asterisk Call Manager/9.0.0\r\n"
BACKLOG = 1 << 20  # bytes a client may leave unread before it is dropped
_UNIQUE = re.compile(r"\b(\d{10})(\.\d+)\b")
_CALLER_HEADERS = re.compile(r"(ConnectedLine|CallerID|DestConnectedLine|DestCallerID)Num")


class Trace:
    """One recorded story, ready to be told again with another caller and at another time."""

    def __init__(self, path: Path) -> None:
        entries = list(read(path))
        head = next((e for e in entries if isinstance(e, Head)), None)
        said = [(e.at, e.message.pairs()) for e in entries if isinstance(e, Said) and e.at is not None]
        if head is None or not said:
            raise ConfigError(f"{path}: holds nothing that could be played")
        self.interfaces = head.interfaces
        self._steps = [((at - said[0][0]).total_seconds(), pairs) for at, pairs in said]
        self._caller = next((v for _, p in said for k, v in p if k == "CallerIDNum" and len(v) >= 7), "")

    def told(self, number: str, begin: datetime) -> list[tuple[float, list[tuple[str, str]]]]:
        """Seconds after the start and headers of each event, with ids and time stamps of this telling."""
        base = int(begin.timestamp())
        return [
            (after, [(k, self._again(k, v, after, number, base, begin)) for k, v in pairs])
            for after, pairs in self._steps
        ]

    def _again(self, key: str, value: str, after: float, number: str, base: int, begin: datetime) -> str:
        if key == "Timestamp":
            return f"{begin.timestamp() + after:.6f}"
        if value == self._caller and _CALLER_HEADERS.fullmatch(key):
            return number
        return _UNIQUE.sub(lambda m: f"{base}{m[2]}", value)


class PlaybackServer:
    """Plays to every client that has logged in."""

    def __init__(self, username: str, secret: str, members: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """`members`: queue → (interface, agent), as QueueStatus tells them."""
        self._login = (username, secret)
        self._members = members
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def stop(self) -> None:
        """Close every connection."""
        if self._server is not None:
            self._server.close()
        for writer in self._clients:
            writer.close()

    async def play(self, trace: Trace, number: str, begin: datetime) -> None:
        """Tell one story at the pace at which it happened."""
        clock = asyncio.get_running_loop().time
        start = clock()
        for after, pairs in trace.told(number, begin):
            await asyncio.sleep(max(0.0, start + after - clock()))
            self._broadcast(_packed(pairs))

    def _broadcast(self, data: bytes) -> None:
        for writer in tuple(self._clients):
            if writer.transport.get_write_buffer_size() > BACKLOG:
                self._clients.discard(writer)
                writer.transport.abort()
            else:
                writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        try:
            while True:
                chunk = await reader.readuntil(b"\r\n\r\n")
                lines = chunk.decode("utf-8", "replace").split("\r\n")
                action = dict(line.split(": ", 1) for line in lines if ": " in line)
                if action.get("Action", "").lower() == "logoff":
                    break
                self._answer(action, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # the client went, which it may at any moment
        finally:
            self._clients.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, action: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        name, tag = action.get("Action", "").lower(), [("ActionID", action.get("ActionID", ""))]
        if name == "login":
            right = (action.get("Username"), action.get("Secret")) == self._login
            answer = ("Response", "Success" if right else "Error")
            writer.write(
                _packed([answer, *tag, ("Message", "Authentication " + ("accepted" if right else "failed"))])
            )
            if right:
                self._clients.add(writer)
                writer.write(_packed([("Event", "FullyBooted"), ("Status", "Fully Booted")]))
            return
        writer.write(_packed([("Response", "Success"), *tag, ("Ping", "Pong")]))
        if name == "coreshowchannels":
            writer.write(_packed([("Event", "CoreShowChannelsComplete"), *tag, ("ListItems", "0")]))
        elif name == "queuestatus":
            for queue, members in self._members.items():
                writer.write(_packed([("Event", "QueueParams"), *tag, ("Queue", queue), ("Calls", "0")]))
                for interface, agent in members:
                    writer.write(_packed(_member(queue, interface, agent, tag)))
            writer.write(_packed([("Event", "QueueStatusComplete"), *tag]))
        elif name == "queuepause":
            paused, reason = action.get("Paused", ""), action.get("Reason", "")
            flag = "1" if paused.lower() in {"1", "true", "yes"} else "0"
            for queue, members in self._members.items():
                for interface, agent in members:
                    if interface == action.get("Interface"):
                        event = _status("QueueMemberPause", queue, interface, agent, flag, reason)
                        self._broadcast(_packed(event))


def _member(queue: str, interface: str, agent: str, tag: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [
        ("Event", "QueueMember"),
        *tag,
        ("Queue", queue),
        ("Name", agent),
        ("Location", interface),
        ("StateInterface", interface),
        ("Status", "1"),
        ("Paused", "0"),
    ]


def _status(
    event: str, queue: str, interface: str, agent: str, paused: str, reason: str
) -> list[tuple[str, str]]:
    return [
        ("Event", event),
        ("Queue", queue),
        ("MemberName", agent),
        ("Interface", interface),
        ("StateInterface", interface),
        ("Status", "1"),
        ("Paused", paused),
        ("PausedReason", reason),
    ]


def _packed(pairs: list[tuple[str, str]]) -> bytes:
    return "".join(f"{k}: {v}\r\n" for k, v in pairs).encode("utf-8", "surrogateescape") + b"\r\n"
