"""A channel of Asterisk as seen from FastAGI, played over a real socket.

Also by hand: ``python -m tests.plugins.agi_fake PORT 1 800100200301#`` prints what is asked of it.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

USAGE = (
    b"520-Invalid command syntax.  Proper usage follows:\n"
    + b"Usage: x\n" * 518
    + b"520 End of proper usage.\n"
)
DEAD_OK = ("SET VARIABLE", "GET FULL VARIABLE", "GET VARIABLE", "EXEC UserEvent", "NOOP", "VERBOSE")
_ARGS = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


@dataclass
class FakeCall:
    """One call. `keys` is what is typed at each entry in turn ("" waits it out, "12" stops short).

    At command number `gone_at` the caller hangs up: Asterisk answers -1, says HANGUP and goes on dead, or
    (with `cut`) the connection breaks. `usage_at`: that command is answered by a usage text of 520 lines.
    """

    keys: Sequence[str] = ()
    caller: str = "13900139001"
    script: str = "hotline"
    gone_at: int = -1
    cut: bool = False
    usage_at: int = -1
    silent_at: int = -1
    record: str = "0 (timeout) endpos=16000"
    recordings: Path | None = None
    queue: str = "1/2/0/3/0/200/90"
    drip: bool = False
    interrupt: str = ""
    args: Sequence[str] = ("1700000000.1", "95001")
    commands: list[str] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    ended: bool = False

    async def run(self, port: int, timeout_s: float = 20.0) -> FakeCall:
        """Be called until the server ends the connection. TimeoutError when it does not."""
        async with asyncio.timeout(timeout_s):
            reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
            try:
                await self._serve(reader)
            except ConnectionError:
                self.ended = True
            finally:
                self._writer.close()
        return self

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        self._typed: Iterator[str] = iter(self.keys)
        self._dead = False
        self._status = ("TIMEOUT", "")
        env = {
            "agi_network_script": self.script,
            "agi_channel": "PJSIP/trunk-00000001",
            "agi_uniqueid": "1700000000.1",
            "agi_callerid": self.caller,
            "agi_calleridname": 'Rob"; DROP\\ <x>',
            "agi_dnid": "95001",
            **{f"agi_arg_{i}": a for i, a in enumerate(self.args, 1)},
        }
        await self._send("".join(f"{k}: {v}\n" for k, v in env.items()).encode() + b"\n")
        while line := await reader.readline():
            text = line.decode().rstrip("\n")
            number = len(self.commands)
            self.commands.append(text)
            if number == self.gone_at:
                if self.cut:
                    return
                self._dead = True
                await self._send(self._gone(text) + b"HANGUP\n")
            elif number == self.silent_at:
                await reader.read()
                return
            elif number == self.usage_at:
                await self._send(USAGE)
            elif self._dead and not text.startswith(DEAD_OK):
                await self._send(b"511 Command Not Permitted on a dead channel or intercept routine\n")
            else:
                await self._send(self._answer(text))
        self.ended = True

    def _gone(self, text: str) -> bytes:
        if text.startswith("RECORD FILE"):
            self._file(text)
            return b"200 result=-1 (hangup) endpos=12000\n"
        return self._answer(text) if text.startswith(DEAD_OK) else b"200 result=-1\n"

    def _answer(self, text: str) -> bytes:
        args = [(a or b).replace('\\"', '"').replace("\\\\", "\\") for a, b in _ARGS.findall(text)]
        if text.startswith("SET VARIABLE"):
            self.variables[args[2].removeprefix("__")] = args[3]
            return b"200 result=1\n"
        if text.startswith("EXEC Playback"):
            self.played += args[2].split("&")
            return b"200 result=0\n"
        if text.startswith("EXEC UserEvent"):
            self.events.append(args[2])
            return b"200 result=0\n"
        if text.startswith("EXEC Read"):
            _, files, most, *_, wait = args[2].split(",")
            self.played += files.split("&")
            self._status = self._type(int(most), stop_only=wait == "0.001")
            return b"200 result=0\n"
        if text.startswith("GET DATA"):
            self.played.append(args[2])
            status, digits = self._type(int(args[4]), stop_only=args[3] == "1")
            return f"200 result={digits}{' (timeout)' if status == 'TIMEOUT' else ''}\n".encode()
        if "QUEUE_MEMBER" in text:
            return f"200 result=1 ({self.queue})\n".encode()
        if text.startswith("GET FULL VARIABLE"):
            return f"200 result=1 ({'/'.join(self._status)})\n".encode()
        if text.startswith("RECORD FILE"):
            self._file(text)
            return f"200 result={self.record}\n".encode()
        return b"200 result=0 endpos=8000\n"

    def _type(self, most: int, *, stop_only: bool) -> tuple[str, str]:
        pressed = self.interrupt if stop_only else next(self._typed, "")
        digits = ""
        for key in pressed:
            if key == "#":
                return "OK", digits
            digits += key
            if len(digits) == most:
                return "OK", digits
        return "TIMEOUT", digits

    def _file(self, text: str) -> None:
        if self.recordings is not None and "writefile" not in self.record:
            name = text.split('"')[1].rpartition("/")[2]
            (self.recordings / f"{name}.wav").write_bytes(b"\0" * (44 + 32000))

    async def _send(self, data: bytes) -> None:
        for piece in (data[i : i + 1] for i in range(len(data))) if self.drip else (data,):
            self._writer.write(piece)
            await self._writer.drain()
            if self.drip:
                await asyncio.sleep(0)


if __name__ == "__main__":
    call = asyncio.run(FakeCall(keys=sys.argv[2:]).run(int(sys.argv[1])))
    print("\n".join(call.commands))
