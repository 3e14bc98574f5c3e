"""Rule files are checked on load: every fault at once, each with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cti.errors import ConfigError
from cti.quality.rules import PRESETS, UNCONFIRMED, load, load_presets, with_weights

GOOD = """\
title: 测试
version: "7"
parameters:
  wait: {value: 4500, title: 停顿, unit: ms}
rules:
  - id: A-1
    title: 再见
    weight: 3
    check: {say: {phrases: [再见], scope: last_turn}}
"""


def write(tmp_path: Path, text: str, name: str = "my.yaml") -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_good_file_loads(tmp_path: Path) -> None:
    """Rule, weight, parameter and version come out as written."""
    rules = load([write(tmp_path, GOOD)])
    assert [(r.id, r.weight, r.fatal, r.line) for r in rules.rules] == [("A-1", 3.0, False, 6)]
    assert rules.parameters[0].value == 4500
    assert rules.version.startswith("7-")


@pytest.mark.parametrize(
    ("line", "wrong", "says"),
    [
        (9, "    check: {sya: {phrases: [再见]}}", "unknown operator 'sya'"),
        (9, "    check: {say: {phrases: [再见], scpoe: call}}", "unknown key 'scpoe'"),
        (9, "    check: {say: {phrases: [再见], scope: frist}}", "unknown scope 'frist'"),
        (9, "    check: {say: {phrases: ['{compny}再见']}}", "unknown slot {compny}"),
        (9, "    check: {say: {phrases: ['[再见']}}", "unbalanced brackets"),
        (9, "    check: {say: {phrases: [OK]}}", "nothing to hear"),
        (9, "    check: {say: {phrases: [再见], min: 1.5}}", "between 0 and 1"),
        (9, "    check: {regex: {pattern: '('}}", "pattern '('"),
        (9, "    check: {silence: {role: caller, min_gap_ms: $wiat}}", "unknown parameter $wiat"),
        (9, "    check: {seq: {steps: [{gap: {min_ms: 1, max_ms: 2}}]}}", "at least one say"),
        (9, "    check: {all: []}", "needs a list"),
        (9, "    check: {ref: B-9}", "refers to B-9"),
        (9, "    check: {say: 再见, not: {say: 好}}", "exactly one operator"),
        (9, "    check: {say: {role: angent, phrases: [再见]}}", "role is agent or caller"),
        (9, "    check: {meta: {directoin: inbound}}", "unknown fact 'directoin'"),
        (8, "    weight: viel\n    check: {say: 再见}", "'viel' is not a number"),
        (8, "    fatal: maybe\n    check: {say: 再见}", "must be true or false"),
        (9, "    check: {say: [再见}", "not valid YAML"),
    ],
)
def test_a_fault_names_file_and_line(tmp_path: Path, line: int, wrong: str, says: str) -> None:
    """What is wrong is said in one line that begins with the place."""
    good = GOOD.splitlines()
    file = write(tmp_path, "\n".join(good[: line - 1] + wrong.split("\n")) + "\n")
    with pytest.raises(ConfigError) as caught:
        load([file])
    place, _, what = str(caught.value).partition(": ")
    assert says in what
    number = int(place.rpartition(":")[2])
    # a reference is judged when all files are read, so it points at its rule
    assert place.rpartition(":")[0].endswith("my.yaml")
    assert number == (6 if "refers" in says else line)


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    """Two wrong rules give two lines."""
    text = GOOD.replace("say:", "sya:") + "  - id: A-2\n    check: {say: {phrases: ['{x}']}}\n"
    with pytest.raises(ConfigError) as caught:
        load([write(tmp_path, text)])
    assert len(str(caught.value).splitlines()) == 2


def test_an_id_twice_and_a_circle_are_refused(tmp_path: Path) -> None:
    """Two rules of one id, or two that wait for each other, cannot be judged."""
    twice = GOOD + "  - {id: A-1, check: {say: 好}}\n"
    with pytest.raises(ConfigError, match="already in"):
        load([write(tmp_path, twice)])
    circle = GOOD + "  - {id: B, check: {ref: C}}\n  - {id: C, check: {ref: B}}\n"
    with pytest.raises(ConfigError, match="circle"):
        load([write(tmp_path, circle)])


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """No traceback for a wrong name."""
    with pytest.raises(ConfigError, match="no such rule file"):
        load([tmp_path / "none.yaml"])


def test_the_version_follows_the_meaning_not_the_comments(tmp_path: Path) -> None:
    """A comment leaves rules_version as it is; a threshold changes it."""
    first = load([write(tmp_path, GOOD)]).version
    assert load([write(tmp_path, "# 注释\n" + GOOD)]).version == first
    assert load([write(tmp_path, GOOD.replace("[再见]", "[再见], min: 0.7"))]).version != first
    assert load([write(tmp_path, GOOD.replace("weight: 3", "weight: 4"))]).version != first


def test_a_file_may_build_on_a_preset(tmp_path: Path) -> None:
    """include brings the rules of a preset in."""
    rules = load([write(tmp_path, "include: [common]\n" + GOOD)])
    assert {"A-1", "HUP-01", "SIL"} <= {r.id for r in rules.rules}


def test_presets_say_that_their_numbers_are_defaults() -> None:
    """Nothing in the presets claims to be confirmed by an owner."""
    rules = load_presets()
    assert not any(r.confirmed for r in rules.rules)
    assert not any(p.confirmed for p in rules.parameters)
    assert UNCONFIRMED == "系统默认，待确认"
    for file in PRESETS.glob("*.yaml"):
        assert "version:" in file.read_text(encoding="utf-8")


def test_own_weights_are_another_version() -> None:
    """An owner's weights count and show in the version; an unknown rule is refused."""
    rules = load_presets()
    own = with_weights(rules, {"HUP-01": 50})
    assert own.rule("HUP-01").weight == 50
    assert own.version != rules.version
    with pytest.raises(ConfigError, match="X-99"):
        with_weights(rules, {"X-99": 1})
