"""Honest figures: intervals, error rates and the report itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.__main__ import main
from cti.quality.report import distance, wilson

CALLS = Path(__file__).parent / "calls"


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_intervals(hits: int, n: int, low: float, high: float) -> None:
    """The 95 % Wilson interval of known cases."""
    assert wilson(hits, n) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


def test_no_cases_no_interval() -> None:
    """Nothing to divide by is said, not invented."""
    assert wilson(0, 0) is None


@settings(max_examples=80, deadline=None)
@given(st.text("我要投诉", max_size=9), st.text("我要投诉", max_size=9))
def test_edit_distance_agrees_with_the_textbook(a: str, b: str) -> None:
    """The vectorised distance is Levenshtein's."""
    rows = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, rows[0] = rows[0], i
        for j, y in enumerate(b, 1):
            last, rows[j] = rows[j], min(rows[j] + 1, rows[j - 1] + 1, last + (x != y))
    assert distance(list(a), list(b)) == rows[-1]


def test_report_on_true_turns(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of labelled calls gives every figure with its n and the label synthetic."""
    assert main(["quality", "report", str(CALLS), "--text-only", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    (part,) = data["sets"]
    assert part["voices"] == "synthetic"
    assert part["true_turns"]["wrong"] == []
    assert part["true_turns"]["wrong_fatal"] == []
    assert part["recognised"]["all"]["n"] == 0
    hup = part["true_turns"]["rules"]["HUP-01"]
    assert hup["n"] > 10
    assert hup["recall_of_fail"]["value"] == 1.0
    low, high = hup["recall_of_fail"]["wilson95"]
    assert low < 1.0 <= high


def test_score_prints_the_sheet_of_a_transcript(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """laidian score --transcript reads the scripted form, and own rules where they are given."""
    assert main(["score", "--transcript", str(CALLS / "h03.json"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["fatal"] == ["OPN-04"]
    assert data["engine"] == "transcript"
    rules = tmp_path / "mine.yaml"
    rules.write_text("rules:\n  - {id: X, check: {say: 知道了}}\n", encoding="utf-8")
    assert main(["score", "--transcript", str(CALLS / "h03.json"), "--rules", str(rules), "--json"]) == 0
    assert [v["rule"] for v in json.loads(capsys.readouterr().out)["verdicts"]] == ["X"]
    assert main(["score", "--transcript", str(CALLS / "h03.json")]) == 0
    shown = capsys.readouterr().out
    assert "系统默认" in shown
    assert "喂" in shown


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["score", "--json"], "--agent"),
        (["score", "--transcript", "none.json"], "none.json"),
        (["score", "--agent", "a.wav", "--caller", "b.wav", "--meta", "none.json"], "none.json"),
        (["quality", "report", "nowhere"], "no such folder"),
        (["models", "pull", "nothing"], "unknown model"),
        (["models", "pull", "vosk-model-small-cn-0.22"], "43,898,754"),
    ],
)
def test_bad_input_is_one_sentence(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and a sentence that names what is missing."""
    assert main(argv) == 2
    assert says in capsys.readouterr().err


def test_check_runs_examples_and_fails_on_a_wrong_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """laidian quality check says file and line of an example that comes out otherwise."""
    assert main(["quality", "check"]) == 0
    capsys.readouterr()
    file = tmp_path / "r.yaml"
    file.write_text(
        "rules:\n  - id: X\n    check: {say: 再见}\n    examples:\n"
        "      - {expect: pass, turns: [{agent: 好的。}]}\n",
        encoding="utf-8",
    )
    assert main(["quality", "check", str(file)]) == 1
    assert "r.yaml:5: rule X" in capsys.readouterr().out


def test_diff_on_stored_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed rule file is tried on a folder of calls; what changes is listed."""
    file = tmp_path / "r.yaml"
    file.write_text("include: [common, hotline, station, outbound]\nrules: []\n", encoding="utf-8")
    assert main(["quality", "diff", "--rules", str(file), str(CALLS), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []
    file.write_text("include: [common, hotline, outbound]\nrules: []\n", encoding="utf-8")
    assert main(["quality", "diff", "--rules", str(file), str(CALLS), "--json"]) == 0
    assert {c["rule"] for c in json.loads(capsys.readouterr().out)["changes"]} == {"STA-01"}


def test_rules_are_listed_as_unconfirmed(capsys: pytest.CaptureFixture[str]) -> None:
    """Weights, fatal list and tolerances are shown as 系统默认，待确认."""
    assert main(["quality", "rules", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {r["note"] for r in data["rules"]} == {"系统默认，待确认"}
    assert {p["note"] for p in data["parameters"]} == {"系统默认，待确认"}
    assert len(data["rules"]) == 30
