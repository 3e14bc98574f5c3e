"""The AMI parser and serialiser: any bytes, any cuts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.ami.wire import Message, Parser, decode, encode
from cti.errors import UsageError

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
NEWCHANNEL = (
    "Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/trunk-00000001\r\n"
    "CallerIDNum: 13800138000\r\nCallerIDName: 刘女士\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\n\r\n"
).encode()
NOISE = b"Event: VarSet\r\nVariable: X\r\nValue: 1\r\n\r\n"
RESPONSE = b"Response: Success\r\nActionID: a-1\r\nMessage: Originate successfully queued\r\n\r\n"


def feed(data: bytes, cuts: list[int], **options: object) -> tuple[list[Message], Parser]:
    parser = Parser(**options)  # type: ignore[arg-type]
    messages: list[Message] = []
    before = 0
    for cut in [*sorted(c % (len(data) + 1) for c in cuts), len(data)]:
        messages += parser.feed(data[before:cut])
        before = cut
    return messages, parser


def test_messages_and_greeting_are_read_whole() -> None:
    """A greeting, a response and two events in one read come out in order."""
    messages, parser = feed(GREETING + RESPONSE + NEWCHANNEL + NOISE, [])
    assert parser.greeting == "Asterisk Call Manager/11.0.0"
    assert [(m.kind, m.name) for m in messages] == [
        ("Response", "Success"),
        ("Event", "Newchannel"),
        ("Event", "VarSet"),
    ]
    assert messages[1].get("CallerIDName") == "刘女士"
    assert messages[0].action_id == "a-1"


def test_byte_by_byte_gives_the_same() -> None:
    """One byte a read gives the same messages as one read, also through the middle of a character."""
    data = GREETING + RESPONSE + NEWCHANNEL + NOISE + NEWCHANNEL
    assert feed(data, list(range(len(data))))[0] == feed(data, [])[0]


def test_trailing_bytes_wait() -> None:
    """A message without its blank line is not given out yet."""
    parser = Parser()
    assert parser.feed(GREETING + NEWCHANNEL[:-1]) == []
    assert [m.name for m in parser.feed(NEWCHANNEL[-1:])] == ["Newchannel"]


def test_unwanted_events_are_counted_and_skipped() -> None:
    """Only events that were asked for become messages; all are counted."""
    parser = Parser(wanted={"Newchannel"})
    assert [m.name for m in parser.feed(GREETING + NOISE * 5 + NEWCHANNEL + NOISE)] == ["Newchannel"]
    assert (parser.seen, parser.skipped) == (7, 6)


def test_events_of_a_list_are_wanted_while_it_is_open() -> None:
    """Items of a list somebody waits for come through whatever their name, other noise does not."""
    parser = Parser(wanted={"Newchannel"})
    parser.lists_open = 1
    item = b"Event: CoreShowChannel\r\nActionID: a-1\r\nChannel: X\r\n\r\n"
    assert [m.name for m in parser.feed(GREETING + item + NOISE)] == ["CoreShowChannel"]


def test_a_caller_named_like_protocol_text_changes_nothing() -> None:
    """Names such as 'status will follow' or '--END COMMAND--' are just names."""
    for name in ("status will follow", "--END COMMAND--", "Response: Follows", "a: b: c", "", "   "):
        event = f"Event: Newchannel\r\nCallerIDName: {name}\r\nUniqueid: 1.1\r\n\r\n".encode()
        messages, _ = feed(GREETING + event + NEWCHANNEL, [7, 30])
        assert messages[0].get("CallerIDName") == name
        assert [m.name for m in messages] == ["Newchannel", "Newchannel"]


def test_header_without_value_or_space() -> None:
    """``Key:``, ``Key: `` and ``Key:value`` are all read."""
    (message,), _ = feed(GREETING + b"Event: X\r\nA:\r\nB: \r\nC:v\r\nD: w\r\n\r\n", [])
    assert [message.get(key, "?") for key in "ABCD"] == ["", "", "v", "w"]


def test_repeated_headers_are_kept() -> None:
    """Several ChanVariable headers are all there, in order, and others are found as usual."""
    raw = b"Event: X\r\nChanVariable: a=1\r\nChanVariable: b=2\r\nChanVariable: a=3\r\nUniqueid: 1\r\n\r\n"
    (message,), _ = feed(GREETING + raw, [])
    assert message.get_all("ChanVariable") == ("a=1", "b=2", "a=3")
    assert message.get_all("Uniqueid") == ("1",)
    assert message.get_all("Nothing") == ()
    assert message.pairs() == [
        ("Event", "X"),
        ("ChanVariable", "a=1"),
        ("ChanVariable", "b=2"),
        ("ChanVariable", "a=3"),
        ("Uniqueid", "1"),
    ]


def test_command_output_in_both_forms() -> None:
    """What a Command printed is found in the present form and in that of old servers."""
    new = b"Response: Success\r\nMessage: Command output follows\r\nOutput: one: 1\r\nOutput: two\r\n\r\n"
    old = b"Response: Follows\r\nPrivilege: Command\r\none: 1\ntwo\n--END COMMAND--\r\n\r\n"
    (a, b), _ = feed(GREETING + new + old, [])
    assert a.output == ("one: 1", "two")
    assert a.ok
    assert b.output[-1] == "two"
    assert b.name == "Follows"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("刘女士".encode(), "刘女士"),
        ("刘女士".encode("gbk"), "刘女士"),
        ("北京王先生".encode("gb18030"), "北京王先生"),
        ("刘女士".encode()[:-1], "刘女\N{REPLACEMENT CHARACTER}"),
        (b"\xff\xfe\xff", "ÿþÿ"),
    ],
)
def test_other_charsets(raw: bytes, text: str) -> None:
    """GBK names are read as such, UTF-8 cut within a character stays UTF-8, nonsense becomes Latin-1."""
    (message,), _ = feed(GREETING + b"Event: X\r\nCallerIDName: " + raw + b"\r\nExten: 1\r\n\r\n", [])
    assert message.get("CallerIDName") == text
    assert message.get("Exten") == "1"


def test_a_name_of_64_kb_is_fine() -> None:
    """A very long header is no reason to lose anything, however it is cut."""
    name = "长" * 21845
    event = f"Event: Newchannel\r\nCallerIDName: {name}\r\n\r\n".encode()
    data = GREETING + event + NEWCHANNEL
    messages, parser = feed(data, list(range(0, len(data), 1000)))
    assert messages[0].get("CallerIDName") == name
    assert len(messages) == 2
    assert parser.faults == 0


@pytest.mark.parametrize("step", [1, 7, 64, 10_000])
def test_too_large_is_a_fault_and_the_next_message_is_not_lost(step: int) -> None:
    """Beyond the maximum a message is reported and skipped, the following one arrives, for any cuts."""
    big = b"Event: Newchannel\r\nCallerIDName: " + b"x" * 600 + b"\r\n\r\n"
    data = GREETING + NOISE + big + NEWCHANNEL + big + NOISE
    messages, parser = feed(data, list(range(0, len(data), step)), max_message=500)
    assert [m.name for m in messages] == ["VarSet", "Newchannel", "VarSet"]
    assert parser.faults == 2
    assert "more than 500" in str(parser.take_faults()[0])
    assert parser.take_faults()[1:] == []


def test_exactly_the_maximum_passes() -> None:
    """The maximum itself is allowed, one byte more is not."""
    head = b"Event: X\r\nA: "
    for extra, names in ((0, ["X", "VarSet"]), (1, ["VarSet"])):
        event = head + b"a" * (100 - len(head) + extra) + b"\r\n\r\n"
        for cuts in ([], list(range(200))):
            messages, _ = feed(GREETING + event + NOISE, cuts, max_message=100)
            assert [m.name for m in messages] == names


def test_garbage_between_messages_is_reported() -> None:
    """Bytes that are no message are a fault; what follows their blank line is read."""
    messages, parser = feed(GREETING + b"\x00\xff garbage\r\n\r\n" + NEWCHANNEL, [])
    assert [m.name for m in messages] == ["Newchannel"]
    assert parser.faults == 1


def test_extra_blank_lines_are_nothing() -> None:
    """Blank lines between messages change nothing."""
    data = GREETING + b"\r\n\r\n\r\n" + NEWCHANNEL + b"\r\n\r\n\r\n\r\n" + NOISE + b"\r\n"
    for cuts in ([], list(range(len(data)))):
        messages, parser = feed(data, cuts)
        assert [m.name for m in messages] == ["Newchannel", "VarSet"]
        assert parser.faults == 0


@given(st.binary(max_size=2000), st.lists(st.integers(0, 3000), max_size=20))
def test_any_bytes_never_raise_and_never_swallow_the_next_message(data: bytes, cuts: list[int]) -> None:
    """Whatever comes before a blank line, the message behind it is read."""
    whole = GREETING + data + b"\r\n\r\n" + NEWCHANNEL
    messages, _ = feed(whole, cuts, max_message=300)
    assert messages[-1].get("Uniqueid") == "1.1"


KEYS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12)
VALUES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=40)


@given(
    st.lists(
        st.tuples(st.sampled_from(["Event", "Response"]), KEYS, st.dictionaries(KEYS, VALUES, max_size=8)),
        max_size=6,
    ),
    st.lists(st.integers(0, 5000), max_size=30),
)
def test_what_is_encoded_comes_back_for_any_cuts(
    messages: list[tuple[str, str, dict[str, str]]], cuts: list[int]
) -> None:
    """Headers of any text survive the wire, however the stream is cut."""
    plain = [
        (kind, name, {k: v for k, v in headers.items() if k not in ("Event", "Response")})
        for kind, name, headers in messages
    ]
    data = GREETING + b"".join(encode({kind: name, **headers}) for kind, name, headers in plain)
    got, parser = feed(data, cuts)
    assert [(m.kind, m.name, dict(m.headers)) for m in got] == [
        (kind, name, {kind: name, **headers}) for kind, name, headers in plain
    ]
    assert parser.faults == 0


@given(st.binary(max_size=200))
def test_decoding_gives_text_that_can_be_stored(raw: bytes) -> None:
    """Any bytes become text without surrogates, so that JSON and databases take it."""
    decode(raw).encode()


@pytest.mark.parametrize("bad", ["a\r\nAction: Originate", "a\nb", "a\0b", "\r"])
def test_line_breaks_in_values_are_refused(bad: str) -> None:
    """CR, LF and NUL in a name or a value of an action are refused, also within lists."""
    for action in (
        {"Action": bad},
        {"Action": "Originate", "Variable": ["x=1", bad]},
        {"Action": "X", bad: "1"},
    ):
        with pytest.raises(UsageError):
            encode(action)


def test_encoding_of_lists_and_odd_names() -> None:
    """A list becomes a header a value; a colon or nothing as a name, and lone surrogates, are refused."""
    assert encode({"Action": "X", "Variable": ["a=1", "b=2"], "Timeout": 5}) == (
        b"Action: X\r\nVariable: a=1\r\nVariable: b=2\r\nTimeout: 5\r\n\r\n"
    )
    for action in ({"": "x"}, {"a:b": "x"}, {"A": "\ud800"}):
        with pytest.raises(UsageError):
            encode(action)
