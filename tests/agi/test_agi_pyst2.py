"""Row by row of what plain pyst2 0.5.1 does with AGI, beside what our session does with the same bytes.

Each test has two halves. When the first half fails, a release of pyst2 has mended the row.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asterisk import agi as pyst2

from agi_scripts.errors import CallerHungUp, CommandFailed
from agi_scripts.session import Digits, Recording, Session
from agi_scripts.wire import HangUp, Reader, Reply
from cti.errors import ProtocolError, UsageError


class Plain(pyst2.AGI):
    """pyst2 as it ships, on given bytes, without the constructor (which has a row of its own)."""

    def __init__(self, replies: str, sent: Any = None) -> None:
        self.stdin, self.stdout, self.stderr = io.StringIO(replies), sent or io.StringIO(), io.StringIO()
        self.env, self._got_sighup = {"agi_channel": "PJSIP/1"}, False


class Tape:
    """A link that answers with recorded bytes and then is closed."""

    def __init__(self, replies: bytes) -> None:
        reader = Reader()
        reader.feed(b"agi_channel: PJSIP/1\n\n")
        self.items = reader.feed(replies)
        self.sent: list[bytes] = []
        self.hung_up = False

    def send(self, line: bytes) -> None:
        self.sent.append(line)

    def reply(self, deadline_s: float) -> Reply:
        while self.items:
            item = self.items.pop(0)
            if isinstance(item, Reply):
                while self.items and isinstance(self.items[0], HangUp):
                    self.items.pop(0)
                    self.hung_up = True
                return item
            self.hung_up = True
        raise CallerHungUp("closed")


def ours(replies: bytes) -> tuple[Session, Tape]:
    tape = Tape(replies)
    return Session({"agi_channel": "PJSIP/1"}, tape), tape


def test_constructor_needs_the_main_thread():
    """agi 98: plain pyst2 cannot be made in a thread; ours can."""
    raised: list[BaseException] = []

    def make(build: Callable[[], object]) -> None:
        def run() -> None:
            try:
                build()
            except ValueError as e:
                raised.append(e)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(10)

    stream = io.StringIO("agi_channel: x\n\n")
    make(lambda: pyst2.AGI(stdin=stream, stdout=io.StringIO(), stderr=io.StringIO()))
    assert "signal only works in main thread" in str(raised[0])
    raised.clear()
    make(lambda: Session({}, Tape(b"")))
    assert raised == []


def test_text_on_a_byte_stream():
    """agi 166: plain pyst2 writes text to a socket's byte stream and fails; ours sends bytes."""
    with pytest.raises(TypeError, match="bytes-like"):
        Plain("200 result=0\n", io.BytesIO()).answer()
    session, tape = ours(b"200 result=0\n")
    session.answer()
    assert tape.sent == [b"ANSWER\n"]


@pytest.mark.parametrize("replies", ["HANGUP\n", ""])
def test_hangup_line_or_end_of_stream(replies):
    """agi 173-180: plain pyst2 turns a hang-up into a ValueError; ours into CallerHungUp."""
    with pytest.raises(ValueError, match="invalid literal"):
        Plain(replies).answer()
    session, _ = ours(replies.encode())
    with pytest.raises(CallerHungUp):
        session.answer()


def test_minus_one_is_a_hangup_or_a_failure():
    """agi 190-211: plain pyst2 says "error, or hangup" for -1; ours asks once more and knows."""
    with pytest.raises(pyst2.AGIAppError, match="or hangup"):
        Plain("200 result=-1\n").stream_file("x")
    gone, tape = ours(b"200 result=-1 endpos=0\n200 result=0\nHANGUP\n")
    with pytest.raises(CallerHungUp):
        gone.stream_file("x")
    assert tape.sent[-1] == b"NOOP\n"
    failed, _ = ours(b"200 result=-1 endpos=0\n200 result=0\n")
    with pytest.raises(CommandFailed):
        failed.stream_file("x")


def test_codes_100_and_511():
    """agi 190-211: plain pyst2 knows neither 100 nor 511; ours waits after 100 and takes 511 as gone."""
    with pytest.raises(pyst2.AGIUnknownError):
        Plain("100 result=0 Trying...\n200 result=0\n").answer()
    session, _ = ours(b"100 result=0 Trying...\n200 result=0\n")
    session.answer()
    with pytest.raises(pyst2.AGIUnknownError):
        Plain("511 Command Not Permitted on a dead channel or intercept routine\n").answer()
    session, _ = ours(b"511 Command Not Permitted on a dead channel or intercept routine\n")
    with pytest.raises(CallerHungUp):
        session.answer()


def test_unknown_code():
    """A code that is not in the protocol is the peer's fault, in our words."""
    session, _ = ours(b"299 whatever\n")
    with pytest.raises(ProtocolError):
        session.answer()


@pytest.mark.parametrize("value", ['a" "b', "a\nHANGUP", "a\\"])
def test_argument_that_injects(value):
    """agi 125-134, 158-167: a quote or newline gets through plain pyst2; ours escapes or refuses."""
    plain = Plain("200 result=1\n" * 3)
    plain.set_variable("X", value)
    line = plain.stdout.getvalue()
    assert line.count("\n") > 1 or not re.fullmatch(r'SET VARIABLE "X" "(?:[^"\\]|\\.)*"\n', line)
    session, tape = ours(b"200 result=1\n")
    if "\n" in value:
        with pytest.raises(UsageError):
            session.set_variable("X", value)
        assert tape.sent == []
    else:
        session.set_variable("X", value)
        assert re.fullmatch(rb'SET VARIABLE "X" "(?:[^"\\]|\\.)*"\n', tape.sent[0])


def test_unquoted_argument_that_injects():
    """agi 158-167: a sound name with a blank becomes two arguments in plain pyst2; ours refuses it."""
    plain = Plain("200 result=0 endpos=0\n")
    plain.stream_file('x "" 0\nHANGUP')
    assert "HANGUP" in plain.stdout.getvalue().splitlines()[1]
    session, tape = ours(b"200 result=0 endpos=0\n")
    with pytest.raises(UsageError):
        session.stream_file('x "" 0')
    assert tape.sent == []


def test_usage_then_end_of_stream():
    """agi 198-206: after "520-" and the end of the stream plain pyst2 loops for ever; ours ends."""
    plain = Plain("")
    reads = iter(["520-Invalid command syntax.\n", *[""] * 10_000])
    plain.stdin = type("Ended", (), {"readline": lambda self: next(reads)})()
    with pytest.raises(StopIteration):  # it took all ten thousand ends of the stream
        plain.answer()
    session, _ = ours(b"520-Invalid command syntax.  Proper usage follows:\n")
    with pytest.raises(CallerHungUp):
        session.answer()


def test_usage_of_many_lines():
    """A usage text of 520 lines is one reply, and says that the command was ours to get right."""
    text = b"520-Invalid command syntax.  Proper usage follows:\n" + b" usage\n" * 518
    session, _ = ours(text + b"520 End of proper usage.\n200 result=0\n")
    with pytest.raises(UsageError, match="520"):
        session.answer()
    session.answer()


def test_callers_data_on_stderr(capfd):
    """agi 99-123: plain pyst2 prints headers, commands and results; ours prints nothing."""
    plain = Plain("200 result=1 (13800138000)\n")
    plain.get_variable("X")
    assert "13800138000" in plain.stderr.getvalue()
    session, _ = ours(b"200 result=1 (13800138000)\n")
    assert session.get_variable("X") == "13800138000"
    assert capfd.readouterr() == ("", "")


def test_get_data_hides_its_timeout():
    """agi 444-450: typed "12#" and "12" with a time-out are the same to plain pyst2; not to ours."""
    assert Plain("200 result=12\n").get_data("x") == Plain("200 result=12 (timeout)\n").get_data("x")
    assert ours(b"200 result=12\n")[0].get_data("x") == Digits("12", False)
    assert ours(b"200 result=12 (timeout)\n")[0].get_data("x") == Digits("12", True)
    assert ours(b"200 result= (timeout)\n")[0].get_data("x") == Digits("", True)
    assert ours(b"200 result=\n")[0].get_data("x") == Digits("", False)


def test_record_file_is_wrong():
    """agi 523: plain pyst2 returns a NUL for a time-out and loses a hung-up recording; ours tells which."""
    assert Plain("200 result=0 (timeout) endpos=16000\n").record_file("x") == "\0"
    with pytest.raises(pyst2.AGIResultHangup):
        Plain("200 result=-1 (hangup) endpos=16000\n").record_file("x")
    replies = {
        b"200 result=0 (timeout) endpos=16000\n": Recording("timeout", "", 16000),
        b"200 result=35 (dtmf) endpos=8000\n": Recording("dtmf", "#", 8000),
        b"200 result=-1 (hangup) endpos=16000\nHANGUP\n": Recording("hangup", "", 16000),
        b"200 result=-1 (writefile)\n200 result=0\n": Recording("failed", "", 0),
        b"200 result=-1 (waitfor) endpos=80\n200 result=0\nHANGUP\n": Recording("hangup", "", 80),
    }
    for reply, recording in replies.items():
        assert ours(reply)[0].record_file("x") == recording


def test_database_get_is_wrong():
    """agi 637: plain pyst2 quotes family and key twice; ours once, and knows a missing key."""
    plain = Plain("200 result=1 (v)\n")
    plain.database_get("family", "key")
    assert plain.stdout.getvalue() == 'DATABASE GET ""family"" ""key""\n'
    session, tape = ours(b"200 result=1 (v)\n200 result=0\n")
    assert session.database_get("family", "key") == "v"
    assert session.database_get("family", "none") is None
    assert tape.sent[0] == b'DATABASE GET "family" "key"\n'


def test_fastagi_module_does_not_import():
    """fastagi: pyst2's own server cannot be imported on Python 3; ours is agi_scripts.server."""
    found = subprocess.run(
        [sys.executable, "-c", "import asterisk.fastagi"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode != 0
