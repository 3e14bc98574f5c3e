"""``laidian replay`` and what recording keeps and hides."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cti.__main__ import main
from cti.ami.trace import Head, Lost, Recorder, Resynced, Said, message_of, read
from cti.ami.wire import Parser
from cti.domain.call import GapEvent
from cti.domain.roster import Roster
from cti.errors import ConfigError

TRACES = Path(__file__).parent.parent / "traces"
AT = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def lines(capsys: pytest.CaptureFixture[str], *args: str) -> list[dict[str, object]]:
    assert main(["replay", *args, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_is_one_object_a_line_with_calls_pops_and_agents(capsys: pytest.CaptureFixture[str]) -> None:
    """Call events, the pops that follow from them and agents' states come out in the order of the trace."""
    out = lines(capsys, str(TRACES / "ring_all.jsonl"))
    told = [
        (x["type"], x.get("kind", x.get("reason", "")), x.get("agent", ""))
        for x in out
        if x["type"] != "agent"
    ]
    assert [t for t in told if t[0] == "pop"] == [("pop", "", a) for a in ("1003", "1002", "1001")]
    assert {t for t in told if t[0] == "pop_close"} == {
        ("pop_close", "answered_elsewhere", "1001"),
        ("pop_close", "answered_elsewhere", "1003"),
        ("pop_close", "completed", "1002"),
    }
    assert [t[1] for t in told if t[0] == "call"] == [
        *("arrived", "queued", "offered", "offered", "offered"),
        *("offer_ended", "offer_ended", "answered", "wrapped_up", "ended"),
    ]
    assert {"ringing", "busy", "available"} <= {x["state"] for x in out if x["type"] == "agent"}


@pytest.mark.parametrize("name", ["blind", "blind_from_queue", "attended", "attended_by_phone"])
def test_the_pop_of_a_transfer_shows_the_original_caller(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The receiver's pop carries the caller's number, not the colleague's."""
    out = lines(capsys, str(TRACES / f"{name}.jsonl"))
    (pop,) = [x for x in out if x["type"] == "pop" and x["agent"] == "1002"]
    assert pop["caller"]["number"] == "13800138000"  # type: ignore[index]


def test_a_cut_is_shown_as_a_gap_and_recovered_events(capsys: pytest.CaptureFixture[str]) -> None:
    """The gap has its beginning and its end, what was deduced after it is marked."""
    out = lines(capsys, str(TRACES / "cut.jsonl"))
    assert [x["until"] is None for x in out if x["type"] == "gap"] == [True, False]
    assert {x["kind"] for x in out if x["type"] == "call" and x.get("recovered")} == {
        "answered",
        "offer_ended",
    }


def test_raw_ami_text_is_read_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a terminal saved, with greeting, bare line feeds and no roster, gives the same call events."""
    trace = TRACES / "hunt.jsonl"
    raw = "Asterisk Call Manager/11.0.0\n"
    for entry in read(trace):
        if isinstance(entry, Said):
            raw += "".join(f"{key}: {value}\n" for key, value in entry.message.pairs()) + "\n"
    path = tmp_path / "capture.txt"
    path.write_text(raw, encoding="utf-8")

    def calls(out: list[dict[str, object]]) -> list[tuple[object, object, object]]:
        return [(x["kind"], x.get("agent"), x["at"]) for x in out if x["type"] == "call"]

    assert calls(lines(capsys, str(path))) == calls(lines(capsys, str(trace)))
    assert {x["node"] for x in lines(capsys, str(path), "--node", "sz1") if x["type"] == "call"} == {"sz1"}


def test_masked_output_holds_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    """With --mask no whole number is printed, in either form."""
    for form in ([], ["--json"]):
        assert main(["replay", str(TRACES / "blind.jsonl"), "--mask", "--agents", *form]) == 0
        out = capsys.readouterr().out
        assert "138****8000" in out
        assert "13800138000" not in out
        assert "138 0013 8000" not in out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no event found"),
        (b"hello\n", "no event found"),
        (b'{"kind":"trace","version":1,"node":"n","interfaces":{}}\n{"kind":"message"}\n', ":2:"),
        (b'{"kind":"strange"}\n', ":1:"),
        (b"{broken\n", ":1:"),
        (b"\xff\xfe\x00\x01" * 100, "no event found"),
    ],
)
def test_a_bad_trace_is_one_sentence_with_its_place(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the file holds: exit status 2 and a sentence that names the file and the line."""
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    assert main(["replay", str(path)]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "bad.jsonl" in err


def test_a_missing_trace_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there gives exit status 2."""
    assert main(["replay", "no-such-trace.jsonl"]) == 2
    assert "no-such-trace.jsonl" in capsys.readouterr().err


def recorded(raw: bytes, **options: bool) -> str:
    file = io.StringIO()
    recorder = Recorder(file, "pbx1", Roster({"PJSIP/1001": "1001"}), about="a test", **options)
    recorder.messages(Parser(greeting=False).feed(raw), AT)
    return file.getvalue()


def test_secrets_are_never_recorded() -> None:
    """Values of headers and variables that sound like secrets are replaced."""
    raw = (
        b"Event: X\r\nSecret: abc1\r\nAuthToken: abc2\r\n"
        b"ChanVariable: API_KEY=abc3\r\nChanVariable: A=1\r\n\r\n"
        b"Event: VarSet\r\nVariable: DB_PASSWORD\r\nValue: abc4\r\n\r\n"
    )
    text = recorded(raw)
    assert "abc" not in text
    assert '"A=1"' in text


def test_numbers_are_masked_on_request_and_ids_stay() -> None:
    """A masked trace keeps its ids, so that it still plays."""
    raw = (
        b"Event: Newchannel\r\nCallerIDNum: 13800138000\r\n"
        b"Uniqueid: 1795357567.2\r\nTimestamp: 1795357567.25\r\n\r\n"
    )
    text = recorded(raw, mask_numbers=True)
    assert "138****8000" in text
    assert "13800138000" not in text
    assert '["Uniqueid","1795357567.2"]' in text
    assert '["Timestamp","1795357567.25"]' in text


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    """Head, messages with repetitions, loss and resync come back as they were."""
    path = tmp_path / "t.jsonl"
    message = message_of([("Event", "X"), ("ChanVariable", "a=1"), ("ChanVariable", "b=2"), ("Exten", "")])
    with path.open("w", encoding="utf-8") as file:
        recorder = Recorder(file, "pbx1", Roster({"PJSIP/1001": "1001"}), about="a test")
        recorder.messages([message], AT)
        recorder.gap(GapEvent("pbx1", AT, None, "cut"))
        recorder.gap(GapEvent("pbx1", AT, AT, "cut"))
        recorder.resync([message], [], AT)
    assert list(read(path)) == [
        Head("pbx1", {"PJSIP/1001": "1001"}, "a test"),
        Said(message, AT),
        Lost(AT, "cut"),
        Resynced(AT, [message], []),
    ]


def test_reading_says_which_file_cannot_be_opened(tmp_path: Path) -> None:
    """A folder is no trace."""
    with pytest.raises(ConfigError, match=tmp_path.name):
        list(read(tmp_path))
