"""One AGI session: pyst2's verbs on our own wire. The only import of ``asterisk.agi``.

pyst2's ``AGI`` keeps its verbs (answer, stream_file, say_digits, set_variable …). Its choke points
(``__init__``, ``_quote``, ``test_hangup``, ``send_command``, ``get_result``) are replaced, because as shipped
it wants the main thread, writes text to a byte stream, lets a quote or a newline through, turns a hang-up
into a ValueError and prints the caller's data; and so are three verbs (``get_data``, ``record_file``,
``database_get``) that lose what Asterisk said. ``tests/agi/test_agi_pyst2.py`` shows each fault
beside the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from asterisk.agi import AGI, AGIException

from agi_scripts.errors import CallerHungUp, CommandFailed
from agi_scripts.wire import Reply, command, quote
from cti.errors import ProtocolError, UsageError

__all__ = ["VERB_ERROR", "Digits", "Link", "Recording", "Session"]

VERB_ERROR: type[Exception] = AGIException
"""What pyst2's own verbs raise when a reply is not the digit they expect."""

IMMEDIATE_S = 10.0
"""Deadline of a command that Asterisk answers at once."""
PLAY_S = 180.0
"""Deadline of a command that plays: longer than any menu."""


class Link(Protocol):
    """The way to one Asterisk channel: `agi_scripts.link.CallLink`, or a fake over a real socket in tests."""

    hung_up: bool

    def send(self, line: bytes) -> None:
        """Send one command line. Raises CallerHungUp where the connection is gone."""

    def reply(self, deadline_s: float) -> Reply:
        """Wait for the answer. Raises CallerHungUp, DeadlineExceeded or ProtocolError."""


@dataclass(frozen=True, slots=True)
class Digits:
    """What the caller typed; `timed_out` tells an ended wait from a pressed terminator or a full field."""

    digits: str
    timed_out: bool


@dataclass(frozen=True, slots=True)
class Recording:
    """How a recording ended: `how` is dtmf, timeout, hangup or failed (no disk, no such folder)."""

    how: str
    digit: str
    samples: int


_Verbs: Any = AGI  # pyst2 has no types; seen as Any its verbs can be called from typed code


class Session(_Verbs):  # type: ignore[misc]
    """The verbs of one call. Blocking towards the script, whatever the link does underneath."""

    def __init__(self, env: Mapping[str, str], link: Link) -> None:
        # not super().__init__: it takes SIGHUP over, reads stdin and prints
        self.env = dict(env)
        self.link = link
        self._deadline_s = IMMEDIATE_S
        self.dead = False  # a script for hung-up channels (the h extension) sets this

    # --- pyst2's choke points -------------------------------------------------------------------------

    _quote = staticmethod(quote)

    def test_hangup(self) -> None:
        """Raise CallerHungUp once Asterisk has said so."""
        if self.link.hung_up and not self.dead:
            raise CallerHungUp("the caller hung up")

    def send_command(self, command_name: str, *args: object) -> None:
        """Send one command; arguments that are not one token are refused."""
        self.link.send(command(command_name, args))

    def execute(self, command_name: str, *args: object) -> dict[str, tuple[str, str]]:
        """What every verb of pyst2 goes through: the three above and below in one step."""
        link = self.link
        if link.hung_up and not self.dead:
            raise CallerHungUp("the caller hung up")
        link.send(command(command_name, args))
        reply = link.reply(self._deadline_s)
        code, result, data, _, _ = reply
        if code != 200 or result == "-1" or data == "hangup":
            return self._result(reply)
        self._deadline_s = IMMEDIATE_S
        return {"result": (result, data)}

    def get_result(self, stdin: object = None) -> dict[str, tuple[str, str]]:
        """The reply in pyst2's form ``{"result": (value, data)}``."""
        return self._result(self.link.reply(self._deadline_s))

    def _result(self, reply: Reply) -> dict[str, tuple[str, str]]:
        self._deadline_s = IMMEDIATE_S
        if reply.code != 200:
            self._refused(reply)
        if reply.result == "-1" or reply.data == "hangup":
            self._failed(reply)
        return {"result": (reply.result, reply.data)}

    def _refused(self, reply: Reply) -> NoReturn:
        if reply.code == 511:
            raise CallerHungUp("Asterisk: not permitted on a dead channel")
        if reply.code in (510, 520):
            raise UsageError(f"Asterisk refused the AGI command: {reply.code} {reply.text[:200]}")
        raise ProtocolError(f"AGI reply with the unknown code {reply.code}")

    def _failed(self, reply: Reply) -> NoReturn:
        """-1 means gone or failed. Asterisk writes HANGUP before it takes a next command, so send one."""
        if reply.data == "hangup":
            raise CallerHungUp("the caller hung up during a command")
        if not self.gone():
            raise CommandFailed(f"Asterisk: {reply.text[:200]}")
        raise CallerHungUp("the caller hung up during a command")

    def gone(self) -> bool:
        """True when the channel is hung up: one command that does nothing brings a pending HANGUP line in."""
        if not self.link.hung_up:
            self.link.send(b"NOOP\n")
            self.link.reply(IMMEDIATE_S)
        return self.link.hung_up

    # --- own verbs ------------------------------------------------------------------------------------

    def _run(self, deadline_s: float, verb: str, *args: object) -> dict[str, tuple[str, str]]:
        self._deadline_s = deadline_s
        return self.execute(verb, *args)

    def stream_file(self, filename: str, escape_digits: Any = "", sample_offset: int = 0) -> str:
        """pyst2's verb with a deadline that fits a long prompt."""
        self._deadline_s = PLAY_S
        digit: str = super().stream_file(filename, escape_digits, sample_offset)
        return digit

    def get_data(
        self,
        filename: str,
        timeout: int = 2000,
        max_digits: int = 255,
        *,
        wait_s: float | None = None,
    ) -> Digits:
        """Play a sound and collect keys, which also cut the sound short. One command for all of it.

        `timeout` in ms is the wait for the first and for each further key; 0 takes the channel's
        TIMEOUT(response) and TIMEOUT(digit), whose sum is then `wait_s`. "#" ends and is not part of the
        digits.
        """
        if wait_s is None:
            wait_s = max(timeout, 0) / 1000 * (max_digits + 1)
        result, data = self._run(
            min(PLAY_S + wait_s, 600.0), "GET DATA", quote(filename), int(timeout), int(max_digits)
        )["result"]
        return Digits(result, data == "timeout")

    def read(
        self, filenames: Sequence[str], timeout: int = 2000, max_digits: int = 255, *, wait_s: float
    ) -> Digits:
        """`get_data` for several sounds in a row: GET DATA takes one only, the application Read many."""
        files = "&".join(filenames)
        self.application(
            "Read",
            f"LAIDIAN_KEYS,{files},{int(max_digits)},,1,{max(timeout, 0) / 1000:g}",
            deadline_s=min(PLAY_S + wait_s, 600.0),
        )
        status, _, digits = self.get_full_variable("${READSTATUS}/${LAIDIAN_KEYS}").partition("/")
        if status == "HANGUP":
            raise CallerHungUp("the caller hung up during an entry")
        if status not in ("OK", "TIMEOUT"):
            if self.gone():
                raise CallerHungUp("the caller hung up during an entry")
            raise CommandFailed(f"Asterisk: Read ended with {status[:20]!r}")
        return Digits(digits, status == "TIMEOUT")

    def record_file(
        self,
        filename: str,
        format: str = "wav",
        escape_digits: str = "#",
        timeout: int = 20_000,
        offset: int = 0,
        beep: str = "beep",
        silence: int = 0,
    ) -> Recording:
        """Record at most `timeout` ms; `silence` seconds without a voice end it too (0: they do not).

        A caller who hangs up has finished the recording: that is no error here.
        """
        self.test_hangup()
        tail = [beep] if beep else []
        tail += [f"s={int(silence)}"] if silence else []
        self.send_command(
            "RECORD FILE",
            quote(filename),
            quote(format),
            quote(escape_digits),
            int(timeout),
            int(offset),
            *tail,
        )
        reply = self.link.reply(timeout / 1000 + 30)
        if reply.code != 200:
            self._refused(reply)
        samples = max(reply.endpos or 0, 0)
        if reply.data == "dtmf" and reply.result.isdigit():
            return Recording("dtmf", chr(int(reply.result)), samples)
        if reply.data == "timeout":
            return Recording("timeout", "", samples)
        if reply.data == "hangup" or (reply.result == "-1" and self.gone()):
            return Recording("hangup", "", samples)
        return Recording("timeout" if reply.result == "0" else "failed", "", samples)

    def database_get(self, family: str, key: str) -> str | None:
        """A value of Asterisk's own database, None where there is none."""
        result, value = self._run(IMMEDIATE_S, "DATABASE GET", quote(family), quote(key))["result"]
        return value if result == "1" else None

    def application(self, name: str, options: str = "", *, deadline_s: float = IMMEDIATE_S) -> str:
        """Run a dialplan application; the caller of this sees to commas. Raises CommandFailed if unknown."""
        self._deadline_s = deadline_s
        value = self.execute("EXEC", name, quote(options))["result"][0]
        if value == "-2":
            raise CommandFailed(f"Asterisk has no application {name}")
        return value

    def set_variables(self, values: Iterable[tuple[str, str]]) -> None:
        """Set channel variables one by one; names are ours, values are escaped."""
        for name, value in values:
            self.set_variable(name, value)
