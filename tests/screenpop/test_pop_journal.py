"""The file that records go through: order, crashes at any byte, kill, full disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cti.errors import Unavailable, UsageError
from screenpop import journal as module
from screenpop.journal import Journal


def everything(journal: Journal) -> list[int]:
    found: list[int] = []
    while journal.pending:
        records, mark = journal.read()
        found += [r["n"] for r in records]
        if mark == 0:
            break
        journal.take(mark)
    return found


def test_records_come_back_in_order_and_once(tmp_path: Path) -> None:
    """What is appended is read in order; what is taken is not read again, also after reopening."""
    journal = Journal(tmp_path)
    for n in range(5000):
        journal.append({"n": n, "text": "长" * 50})
    records, mark = journal.read()
    journal.take(mark)
    journal.close()
    again = Journal(tmp_path)
    assert [r["n"] for r in records] + everything(again) == list(range(5000))
    again.close()


def test_file_is_cut_when_everything_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file does not grow for ever."""
    monkeypatch.setattr(module, "TRIM_BYTES", 1000)
    journal = Journal(tmp_path)
    for n in range(300):
        journal.append({"n": n})
        assert everything(journal) == [n]
    assert (tmp_path / "journal.jsonl").stat().st_size < 2000
    journal.close()


def test_half_a_line_at_the_end_is_put_aside(tmp_path: Path) -> None:
    """Cut at any byte, the whole records before the cut are there and later ones can be added."""
    journal = Journal(tmp_path)
    for n in range(3):
        journal.append({"n": n, "text": "王"})
    journal.close()
    file = tmp_path / "journal.jsonl"
    data = file.read_bytes()
    ends = [i + 1 for i, b in enumerate(data) if b == 10]
    for cut in range(len(data) + 1):
        file.write_bytes(data[:cut])
        (tmp_path / "journal.taken").unlink(missing_ok=True)
        opened = Journal(tmp_path)
        opened.append({"n": 99})
        assert everything(opened) == [*range(sum(e <= cut for e in ends)), 99]
        opened.close()


def test_lines_that_are_not_json_are_put_aside(tmp_path: Path) -> None:
    """A spoilt line in the middle costs itself only."""
    (tmp_path / "journal.jsonl").write_bytes(b'{"n":1}\n\xff\x00garbage\n[]\n{"n":2}\n')
    journal = Journal(tmp_path)
    assert everything(journal) == [1, 2]
    journal.close()
    assert b"garbage" in (tmp_path / "rejected.jsonl").read_bytes()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """A second service on the same folder is refused."""
    journal = Journal(tmp_path)
    with pytest.raises(Unavailable, match="used by another"):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


def test_bounds_are_told(tmp_path: Path) -> None:
    """A full journal raises Unavailable, a monstrous record UsageError; what was in it stays."""
    journal = Journal(tmp_path, max_bytes=200)
    journal.append({"n": 1})
    with pytest.raises(UsageError):
        journal.append({"n": "x" * 70_000})
    with pytest.raises(Unavailable, match="full"):
        journal.append({"n": "x" * 300})
    assert everything(journal) == [1]
    journal.close()


def test_nothing_that_was_appended_is_lost_by_sigkill(tmp_path: Path) -> None:
    """A process that tells each append and is killed: all that it told are in the file."""
    code = (
        "import sys; from pathlib import Path; from screenpop.journal import Journal\n"
        "j = Journal(Path(sys.argv[1])); n = 0\n"
        "while True:\n"
        " j.append({'n': n}); sys.stdout.write(f'{n}\\n'); sys.stdout.flush(); n += 1\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, cwd=root, text=True
    ) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(2000)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().splitlines()]
    journal = Journal(tmp_path)
    assert everything(journal)[: len(told)] == told
    journal.close()
    assert json.loads((tmp_path / "journal.jsonl").read_text().splitlines()[0]) == {"n": 0}
