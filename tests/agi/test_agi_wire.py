"""AGI bytes: whole, one by one, cut anywhere, hostile."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_scripts import context
from agi_scripts.wire import MAX_COMMAND, MAX_LINE, Environment, HangUp, Reader, Reply, command, quote
from cti.errors import ProtocolError, UsageError

SESSION = (
    b"agi_network: yes\nagi_network_script: hotline\n"
    b"agi_calleridname: \xe5\x88\x98: \xe5\xa5\xb3\xe5\xa3\xab\n"
    b"agi_channel: PJSIP/trunk-1\nagi_accountcode: \nagi_channel: evil\n\n"
    b"200 result=0\n200 result=1 (a (b) c)\n200 result=12 (timeout)\n200 result= (timeout)\n200 result=\n"
    b"100 result=0 Trying...\n200 result=0 endpos=16000\n200 result=-1 (hangup) endpos=80\nHANGUP\n"
    b"200 result=1 (two\nlines) endpos=7\n510 Invalid or unknown command\n"
    b"511 Command Not Permitted on a dead channel\n520-Invalid command syntax.  Proper usage follows:\n"
    b" Usage: 200 result=0\nHANGUP\n520 End of proper usage.\n"
    b"200 result=1 (\xe5\xbf\xab\xe4\xbb\xb6)\n"
)
EXPECTED = [
    Environment(
        {
            "agi_network": "yes",
            "agi_network_script": "hotline",
            "agi_calleridname": "刘: 女士",
            "agi_channel": "PJSIP/trunk-1",
            "agi_accountcode": "",
        }
    ),
    (200, "0", "", None),
    (200, "1", "a (b) c", None),
    (200, "12", "timeout", None),
    (200, "", "timeout", None),
    (200, "", "", None),
    (200, "0", "", 16000),
    (200, "-1", "hangup", 80),
    HangUp(),
    (200, "1", "two\nlines", 7),
    (510, "", "", None),
    (511, "", "", None),
    (520, "", "", None),
    (200, "1", "快件", None),
]


def read(*pieces: bytes) -> list[object]:
    reader = Reader()
    found: list[object] = []
    for piece in pieces:
        usual = reader.usual(piece)
        items = [usual] if usual is not None else reader.feed(piece)
        found += [tuple(i[:4]) if isinstance(i, Reply) else i for i in items]
    return found


def test_a_session_in_one_piece():
    """Every kind of line of a session is read as what it is."""
    assert read(SESSION) == EXPECTED


def test_a_session_byte_by_byte():
    """The same bytes one at a time give the same items, also within a Chinese character."""
    assert read(*(SESSION[i : i + 1] for i in range(len(SESSION)))) == EXPECTED


@given(st.lists(st.integers(0, len(SESSION)), max_size=12))
def test_a_session_cut_anywhere(cuts):
    """Wherever the network cuts, the items are the same."""
    edges = [0, *sorted(cuts), len(SESSION)]
    assert read(*(SESSION[a:b] for a, b in itertools.pairwise(edges))) == EXPECTED


def test_crlf_is_read_too():
    """A server that ends its lines with CR LF is understood."""
    assert read(b"agi_a: b\r\n\r\n200 result=0\r\n") == [Environment({"agi_a": "b"}), (200, "0", "", None)]


@pytest.mark.parametrize(
    "junk", [b"hello\n", b"20 result=0\n", b"2000 result=0\n", b"GET / HTTP/1.1\n", b"\x00\xff\n"]
)
def test_junk_is_refused(junk):
    """What is no AGI reply ends the session instead of being guessed at."""
    reader = Reader()
    reader.feed(b"agi_a: b\n\n")
    with pytest.raises(ProtocolError):
        reader.feed(junk)


@pytest.mark.parametrize(
    "flood",
    [
        b"x" * (MAX_LINE + 1),
        b"".join(b"agi_%d: x\n" % i for i in range(300)),
        b"".join(b"agi_%d: x\n" % i for i in range(300)) + b"\n",
        b"agi_a: b\n\n520-x\n" + b"usage\n" * 1100,
        b"agi_a: b\n\n200 result=1 (" + b"x\n" * MAX_LINE,
    ],
)
def test_floods_are_refused(flood):
    """Lines, headers, usage texts and values without end are given up, not kept in memory."""
    reader = Reader()

    def flow_in() -> None:
        for i in range(0, len(flood), 4096):
            reader.feed(flood[i : i + 4096])

    with pytest.raises(ProtocolError):
        flow_in()


def asterisks_parser(line: str) -> list[str]:
    """How Asterisk 22 splits a command line (res_agi.c parse_args), told in Python."""
    args, current, quoted, escaped, started = [], "", False, False, False
    for c in line:
        if escaped:
            current, escaped = current + c, False
        elif c == "\\":
            escaped = started = True
        elif c == '"':
            quoted, started = not quoted, True
        elif c in " \t" and not quoted:
            if started:
                args.append(current)
            current, started = "", False
        else:
            current, started = current + c, True
    return [*args, current] if started else args


@given(st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=["Cs"]), max_size=60))
def test_an_argument_arrives_as_it_was(text):
    """Whatever text goes into an argument comes out of Asterisk's parser as that one argument."""
    line = command("SET VARIABLE", (quote("NAME"), quote(text))).decode()
    assert line.count("\n") == 1
    assert asterisks_parser(line[:-1])[2:] == ["NAME", text]


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_what_cannot_be_escaped_is_refused(text):
    """CR, LF and NUL have no escape and are refused, quoted or not."""
    with pytest.raises(UsageError):
        quote(text)
    with pytest.raises(UsageError):
        command("EXEC", (f'"{text}"',))
    with pytest.raises(UsageError):
        command("EXEC", (text,))


@pytest.mark.parametrize("text", ["a b", 'a"', '"a" "b"', '"a', "a\\", '"a\\"'])
def test_an_argument_must_be_one_token(text):
    """An argument that Asterisk would read as several, or as an open quote, is refused."""
    with pytest.raises(UsageError):
        command("STREAM FILE", (text,))


def test_a_command_that_asterisk_would_cut_is_refused():
    """A line longer than Asterisk's buffer is refused, not sent in part."""
    room = MAX_COMMAND - len(b"VERBOSE \n")
    assert len(command("VERBOSE", (quote("x" * (room - 2)),))) == MAX_COMMAND
    with pytest.raises(UsageError):
        command("VERBOSE", (quote("x" * (room - 1)),))


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=400), max_size=12))
def test_context_injects_nothing(values):
    """No text of a caller or back end adds a header, an argument or a line to the event or a variable."""
    text = context.user_event({"path": "main", **values})
    assert not set(text) & set('\r\n\0"\\()$')
    headers = [h.partition(": ") for h in text.split(",")[1:]]
    assert {key for key, _, _ in headers} <= {"path", *values}
    line = command("EXEC", ("UserEvent", quote(text)))
    assert len(line) <= MAX_COMMAND
    for name, value in context.pairs(values):
        assert asterisks_parser(command("SET VARIABLE", (quote(name), quote(value))).decode()[:-1])[3:] in (
            [value],
            [],
        )
