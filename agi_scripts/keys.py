"""What the caller presses: sounds that a key stops, and entries with a terminator and two waits.

One command of Asterisk for a whole announcement and entry: keys that arrive between two AGI commands are read
and thrown away, so the fewer commands the fewer lost keys.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agi_scripts.session import Digits, Session
from cti.errors import UsageError
from ivr_flows.protocol import Entered

ALL = "0123456789*#"
_SOUND = re.compile(r"[A-Za-z0-9_./-]+").fullmatch


def chunks(files: Sequence[str], limit: int) -> list[list[str]]:
    """Sounds in as few commands as their names allow."""
    found: list[list[str]] = []
    size = limit + 1
    for file in files:
        if not _SOUND(file) or ".." in file:
            raise UsageError(f"not the name of a sound: {file[:80]!r}")
        if size + len(file) > limit:
            found.append([])
            size = 0
        found[-1].append(file)
        size += len(file) + 1
    return found


class Entry:
    """Keys of one call. Remembers the channel's waits, so that they are set only when they change."""

    def __init__(self, session: Session, play_s: float) -> None:
        self._session = session
        self._play_s = play_s
        self._waits: dict[str, float] = {}

    def play(self, files: Sequence[str], stop_keys: str) -> str:
        """Play in order; the key out of `stop_keys` that stopped it, or ""."""
        if not files:
            self._session.test_hangup()
            return ""
        if not stop_keys:
            self._session.application("Playback", "&".join(files), deadline_s=self._play_s)
            self._session.test_hangup()
            return ""
        if set(stop_keys) >= set(ALL):
            got = self._typed(files, 1, 1, 0.0)
            return got.digits or ("" if got.timed_out else "#")
        for file in files:
            digit = self._session.stream_file(file, stop_keys)
            if digit:
                return digit
        return ""

    def collect(
        self,
        files: Sequence[str],
        *,
        maximum: int,
        terminator: str,
        first_s: float,
        gap_s: float,
        typed: str = "",
    ) -> Entered:
        """An entry of at most `maximum` keys; `typed` are keys that were pressed before."""
        entry = ""
        for key in typed:
            if key == terminator:
                return Entered(entry, "terminator")
            entry += key
            if len(entry) >= maximum:
                return Entered(entry, "full")
        while True:
            got = self._gather(files, maximum - len(entry), first_s, gap_s)
            for key in got.digits:
                if key == terminator:  # only one that is not "#", which Asterisk itself takes
                    return Entered(entry, "terminator")
                entry += key
            if got.timed_out:
                return Entered(entry, "timeout")
            if len(entry) >= maximum:
                return Entered(entry, "full")
            if terminator == "#":
                return Entered(entry, "terminator")
            entry += "#"
            if len(entry) >= maximum:
                return Entered(entry, "full")
            files, first_s = (), gap_s

    def _gather(self, files: Sequence[str], maximum: int, first_s: float, gap_s: float) -> Digits:
        if maximum == 1:
            return self._typed(files, round(first_s * 1000), 1, first_s)
        # Asterisk's command has one wait for both; the channel's own two are used when it is given none
        for name, seconds in (("TIMEOUT(response)", first_s), ("TIMEOUT(digit)", gap_s)):
            if self._waits.get(name) != seconds:
                self._session.set_variable(name, f"{seconds:g}")
                self._waits[name] = seconds
        return self._typed(files, 0, maximum, first_s + gap_s * maximum)

    def _typed(self, files: Sequence[str], timeout: int, maximum: int, wait_s: float) -> Digits:
        if len(files) > 1:
            return self._session.read(files, timeout, maximum, wait_s=wait_s)
        return self._session.get_data(files[0] if files else "", timeout, maximum, wait_s=wait_s)
