# ruff: noqa: E501 - tables of cases read best a line each
"""The proofs: the shipped flows hold them, and each kind of fault is found with its line."""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_flows import check, hours, loader, model, prompts
from ivr_flows.model import Fault
from tests.ivr.flow_walks import write_flow

HEAD = """title: Test
start: a
operator: end
defaults: {hangup: end, timeout: end, invalid: end, failed: end, late: end, too_often: end}
variables:
  digit: {type: digits, max: 4}
  count: {type: int, min: 0, max: 9}
  kind: {type: choice, values: [x, y]}
  row: {type: row}
nodes:
  end: {kind: hangup}
"""
LINES = HEAD.count("\n")


def faults_of(folder: Path, nodes: str, head: str = HEAD) -> list[Fault]:
    """All faults of one flow made of these nodes."""
    write_flow(folder, head + nodes)
    return check.check(folder)[1]


def test_the_shipped_flows_hold_every_proof() -> None:
    """laidian flow check is right about what we ship, sound files included."""
    flows, faults = check.check()
    assert faults == []
    assert {
        "main",
        "tracking",
        "pickup",
        "quote",
        "coverage",
        "complaint",
        "claim",
        "suggestion",
        "points",
    } <= set(flows)
    assert {"branch_phone", "agent", "callback", "survey", "green"} <= set(flows)


# what is wrong, on which line after the head, with which code
CASES = [
    ("  a: {kind: play, say: welcome, next: nowhere}\n", 1, "target"),
    ("  a: {kind: play, say: welcome}\n", 1, "edge"),
    ("  a: {kind: play, say: welcome, next: end}\n  b: {kind: goto, next: end}\n", 2, "unreachable"),
    ("  a: {kind: goto, next: b}\n  b: {kind: goto, next: a}\n", 1, "loop"),
    ("  a: {kind: play, say: welcome, next: b}\n  b: {kind: play, say: goodbye, next: a}\n", 1, "loop"),
    ("  a: {kind: menu, say: welcome, timeout: a, keys: {'1': end}}\n", 1, "loop"),
    ("  a: {kind: play, say: no_such_prompt, next: end}\n", 1, "prompt"),
    ("  a: {kind: dance}\n", 1, "kind"),
    ("  a: {kind: play, say: welcome, next: end, color: red}\n", 1, "unknown"),
    ("  a: {kind: play, say: welcome, next: end}\n  a: {kind: goto, next: end}\n", 2, "twice"),
    ("  a: {kind: menu, say: welcome, keys: {'Z': end}}\n", 1, "key"),
    ("  a: {kind: menu, say: welcome, into: kind, values: {'1': z}, next: end}\n", 1, "value"),
    ("  a: {kind: menu, say: welcome, into: kind, next: end}\n", 1, "missing"),
    ("  a: {kind: digits, say: welcome, into: nothing, length: 4, next: end}\n", 1, "value"),
    ("  a: {kind: digits, say: welcome, into: caller, length: 4, next: end}\n", 1, "value"),
    ("  a: {kind: digits, say: welcome, into: digit, length: [9, 4], next: end}\n", 1, "length"),
    ("  a: {kind: digits, say: welcome, into: digit, length: 4, check: magic, next: end}\n", 1, "value"),
    ("  a: {kind: digits, say: welcome, into: digit, length: 4, tries: 99, next: end}\n", 1, "number"),
    ("  a: {kind: say, say: {money: $digit}, next: end}\n", 1, "value"),
    ("  a: {kind: say, say: {sing: $digit}, next: end}\n", 1, "value"),
    ("  a: {kind: say, say: {quantity: $count}, next: end}\n", 1, "value"),
    ("  a: {kind: say, say: {digits: $row.colour}, next: end}\n", 1, "value"),
    ("  a: {kind: say, say: {digits: digit}, next: end}\n", 1, "reference"),
    ("  a: {kind: lookup, operation: magic, outcomes: {one: end}}\n", 1, "value"),
    ("  a: {kind: lookup, operation: points, args: {caller: $caller}, outcomes: {found: end}}\n", 1, "value"),
    ("  a: {kind: lookup, operation: points, outcomes: {found: end, none: end}}\n", 1, "value"),
    ("  a:\n    kind: lookup\n    operation: points\n    args: {caller: $caller}\n    store: {kind: points}\n"
     "    outcomes: {found: end, none: end}\n", 1, "value"),
    ("  a:\n    kind: branch\n    cases:\n      - if: [{hours: never, is: open}]\n        go: end\n    else: end\n",
     4, "value"),
    ("  a:\n    kind: branch\n    cases:\n      - if: [{var: kind, is: z}]\n        go: end\n    else: end\n",
     4, "value"),
    ("  a:\n    kind: branch\n    cases:\n      - if: [{var: digit, below: 3}]\n        go: end\n    else: end\n",
     4, "value"),
    ("  a:\n    kind: branch\n    cases:\n      - if: [{var: kind}]\n        go: end\n    else: end\n",
     4, "condition"),
    ("  a: {kind: call, flow: no_such}\n", 1, "flow"),
    ("  a: {kind: set, values: {count: 99}, next: end}\n", 1, "value"),
    ("  a: {kind: set, values: {count: $digit}, next: end}\n", 1, "value"),
    ("  a: {kind: transfer, queue: $digit}\n", 1, "value"),
    ("  a: [not, a, mapping]\n", 1, "shape"),
    ("  a:\n    kind: play\n   say: x\n", 3, "yaml"),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "line", "code"), CASES)
def test_each_fault_is_found_where_it_stands(tmp_path: Path, nodes: str, line: int, code: str) -> None:
    """A fault is named with its file, its line and its kind."""
    found = faults_of(tmp_path, nodes)
    assert (str(tmp_path / "main.yaml"), LINES + line, code) in [(f.file, f.line, f.code) for f in found]


def test_the_smallest_right_flow_has_no_fault(tmp_path: Path) -> None:
    """What the cases above vary is right by itself."""
    assert faults_of(tmp_path, "  a: {kind: play, say: welcome, next: end}\n") == []


@pytest.mark.parametrize("edge", ["timeout", "invalid", "hangup"])
def test_a_question_without_its_edges_is_a_fault(tmp_path: Path, edge: str) -> None:
    """Every input node needs timeout, invalid and hangup, by itself or by the defaults."""
    kept = ", ".join(f"{e}: end" for e in ("timeout", "invalid", "hangup") if e != edge)
    head = HEAD.replace(HEAD.splitlines()[3], f"defaults: {{{kept}}}")
    found = faults_of(tmp_path, "  a: {kind: menu, say: welcome, keys: {'1': end}}\n", head)
    assert [(f.line, f.code, f"'{edge}'" in f.text) for f in found] == [(LINES + 1, "edge", True)]


def test_a_node_that_no_end_can_be_reached_from_is_a_fault(tmp_path: Path) -> None:
    """Nodes that only lead to each other are endless, even with the caller's keys."""
    head = HEAD.replace("operator: end", "operator: a").replace(HEAD.splitlines()[3], "defaults: {hangup: a}")
    nodes = "  a: {kind: menu, say: welcome, keys: {'1': a}, timeout: a, invalid: a}\n"
    codes = {f.code for f in faults_of(tmp_path, nodes, head)}
    assert "endless" in codes


def test_a_loop_across_flows_is_found(tmp_path: Path) -> None:
    """Two flows that call each other without a key are a loop; with a question between they are none."""
    other = HEAD.replace("start: a", "start: b")
    write_flow(tmp_path, other + "  b: {kind: call, flow: main}\n", "other")
    assert "loop" in {f.code for f in faults_of(tmp_path, "  a: {kind: call, flow: other}\n")}
    write_flow(
        tmp_path,
        other + "  b: {kind: menu, say: welcome, keys: {'1': c}}\n  c: {kind: call, flow: main}\n",
        "other",
    )
    assert "loop" not in {f.code for f in faults_of(tmp_path, "  a: {kind: call, flow: other}\n")}


def test_a_called_flow_that_runs_through_silently_does_not_hide_a_loop(tmp_path: Path) -> None:
    """call → return → goto back to the call is a loop without keys."""
    write_flow(tmp_path, HEAD.replace("start: a", "start: b") + "  b: {kind: return}\n", "other")
    nodes = "  a: {kind: call, flow: other, next: c}\n  c: {kind: goto, next: a}\n"
    assert "loop" in {f.code for f in faults_of(tmp_path, nodes)}


def test_a_call_that_comes_back_needs_to_know_where_to(tmp_path: Path) -> None:
    """A call of a flow with a return needs the edge next; of one without it needs none."""
    write_flow(tmp_path, HEAD.replace("start: a", "start: b") + "  b: {kind: return}\n", "other")
    assert "edge" in {f.code for f in faults_of(tmp_path, "  a: {kind: call, flow: other}\n")}


def test_a_bounded_node_makes_a_loop_lawful(tmp_path: Path) -> None:
    """A node with visits ends the way round by itself."""
    nodes = "  a: {kind: play, say: welcome, next: b, visits: 3}\n  b: {kind: goto, next: a}\n"
    assert faults_of(tmp_path, nodes) == []


def test_variables_of_one_name_must_be_of_one_type(tmp_path: Path) -> None:
    """The variables of a call are one space: two flows may not mean different things."""
    write_flow(
        tmp_path,
        HEAD.replace("{type: int, min: 0, max: 9}", "{type: text}") + "  a: {kind: goto, next: end}\n",
        "other",
    )
    found = faults_of(tmp_path, "  a: {kind: goto, next: end}\n")
    assert {(Path(f.file).name, f.line, f.code) for f in found} == {
        ("main.yaml", 7, "variable"),
        ("other.yaml", 7, "variable"),
    }


def test_queues_must_exist_in_the_settings(tmp_path: Path) -> None:
    """With the settings' queues at hand, a transfer to another one is a fault."""
    write_flow(
        tmp_path,
        HEAD + "  a: {kind: menu, say: welcome, keys: {'1': b}}\n  b: {kind: transfer, queue: sales}\n",
    )
    assert check.check(tmp_path, queues={"sales"})[1] == []
    assert [f.line for f in check.check(tmp_path, queues={"hotline"})[1]] == [LINES + 2]


def prompt_folder(tmp_path: Path) -> Path:
    """A copy of the shipped prompts."""
    folder = tmp_path / "prompts"
    shutil.copytree(prompts.FOLDER, folder)
    return folder


def test_a_missing_or_wrong_sound_file_is_a_fault_of_the_flows_that_say_it(tmp_path: Path) -> None:
    """A prompt needs its sound file in the right format; the fault stands where it is said."""
    folder = prompt_folder(tmp_path)
    (folder / "zh" / "welcome.wav").unlink()
    with wave.open(str(folder / "zh" / "goodbye.wav"), "wb") as wrong:
        wrong.setparams((2, 2, 16000, 0, "NONE", ""))
        wrong.writeframes(b"\0" * 64000)
    (folder / "zh" / "n_7.wav").write_bytes(b"RIFF")
    found = {f.text for f in check.check(prompt_folder=folder)[1]}
    assert "'welcome' says 'welcome': the sound file is missing" in found
    assert "'goodbye' says 'goodbye': 16000 Hz, 2 channel(s), 16 bit: 8000 Hz mono 16 bit is needed" in found
    assert any(t.startswith("unit 'n_7': not a readable WAV file") for t in found)


def test_prompts_of_odd_length_level_or_without_a_line_are_faults(tmp_path: Path) -> None:
    """Too short for its words, too quiet, not in the manifest: each is told."""
    folder = prompt_folder(tmp_path)
    zh = folder / "zh"
    shutil.copy(zh / "n_1.wav", zh / "main_menu.wav")
    with wave.open(str(zh / "welcome.wav"), "rb") as sound:
        params, frames = sound.getparams(), sound.readframes(sound.getnframes())
    with wave.open(str(zh / "welcome.wav"), "wb") as quiet:
        quiet.setparams(params)
        quiet.writeframes(
            b"".join(
                (s // 64).to_bytes(2, "little", signed=True)
                for s in (
                    int.from_bytes(frames[i : i + 2], "little", signed=True) for i in range(0, len(frames), 2)
                )
            )
        )
    shutil.copy(zh / "n_1.wav", zh / "stray.wav")
    manifest, _ = prompts.load(folder)
    found = [(f.code, f.text.split("'")[1]) for f in prompts.sound_faults(manifest)]
    assert sorted(found) == [("length", "main_menu"), ("level", "welcome"), ("unlisted", "stray.wav")]


def test_the_manifest_says_how_each_prompt_was_made() -> None:
    """Every prompt has words and a making, and the file tells of the licence of the voice."""
    manifest, faults = prompts.load()
    assert faults == []
    assert all(e.text and e.made_how for e in manifest.entries.values())
    assert "non-commercial" in Path(manifest.file).read_text(encoding="utf-8")
    made = json.loads((prompts.FOLDER / "rendered.json").read_text(encoding="utf-8"))
    stale = [
        e.id
        for e in manifest.entries.values()
        if e.made_how == "合成" and made[e.id]["words"] != (e.spell or e.text)
    ]
    assert stale == []


def test_faults_of_the_manifest_have_lines(tmp_path: Path) -> None:
    """A second id, an empty text and a bad id are found where they stand."""
    (tmp_path / "prompts.yaml").write_text(
        "about: x\nmade_how: y\nprompts:\n  - {id: a, text: 好}\n  - {id: a, text: 好}\n  - {id: b, text: ''}\n"
        "  - {id: ../c, text: 好}\n",
        encoding="utf-8",
    )
    assert [(f.line, f.code) for f in prompts.load(tmp_path)[1]] == [
        (5, "twice"),
        (6, "missing"),
        (7, "name"),
    ]


@given(st.text(max_size=300))
def test_any_text_is_refused_with_faults_and_not_with_an_exception(text: str) -> None:
    """Whatever stands in a flow file, reading it gives faults with lines."""
    flow, faults = loader.load_text(text, "x.yaml", "x")
    assert flow is None
    assert faults
    assert all(f.line >= 1 for f in faults)


@given(
    st.recursive(
        st.sampled_from(["a", "end", "play", "menu", "hangup", "title", 1, True, None, "$x", "0755"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "title",
                        "start",
                        "operator",
                        "nodes",
                        "variables",
                        "defaults",
                        "kind",
                        "say",
                        "next",
                        "keys",
                        "type",
                        "values",
                        "cases",
                        "if",
                        "go",
                        "var",
                        "is",
                        "length",
                        "a",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_any_yaml_is_read_or_refused(data: object) -> None:
    """YAML of any shape is a flow or a list of faults."""
    flow, faults = loader.load_text(json.dumps(data), "x.yaml", "x")
    assert (flow is None) == bool(faults)


def test_hours_and_holidays_are_data(tmp_path: Path) -> None:
    """Weekly hours, holidays and special days, each fault with its line."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    path = tmp_path / "hours.yaml"
    path.write_text(
        "calendars:\n  desk:\n    weekly:\n      mon-fri: ['09:00-12:00', '13:30-18:00']\n      sat: 10:00-24:00\n"
        "    holidays: {2026-10-01: 国庆节}\n    special: {2026-10-02: [], 2026-10-04: 09:00-12:00}\n",
        encoding="utf-8",
    )
    calendars, faults = hours.load(path)
    assert faults == []
    zone = ZoneInfo("Asia/Shanghai")

    def state(text: str) -> str:
        return calendars["desk"].state(datetime.fromisoformat(text).replace(tzinfo=zone))

    assert state("2026-03-04T08:59") == "closed"
    assert state("2026-03-04T09:00") == "open"
    assert state("2026-03-04T12:00") == "closed"
    assert state("2026-03-07T23:59") == "open"
    assert state("2026-03-08T12:00") == "closed"
    assert state("2026-10-01T10:00") == "holiday"
    assert state("2026-10-02T10:00") == "closed"
    assert state("2026-10-04T10:00") == "open"
    path.write_text(
        "calendars:\n  desk:\n    weekly:\n      mon-funday: 09:00-12:00\n      tue: 12:00-09:00\n      wed: noon\n"
        "    holidays: {tomorrow: x}\n",
        encoding="utf-8",
    )
    assert [f.line for f in hours.load(path)[1]] == [4, 5, 6, 7]


def test_the_format_of_flow_files_is_told_whole() -> None:
    """flows/README.md names every kind of node, edge, type, format, check and operator."""
    from ivr_flows import entries, loader_kinds, parcel, say
    from ivr_flows.lookups import Kind

    text = (loader.FLOWS / "README.md").read_text(encoding="utf-8")
    words = {*loader_kinds.KINDS, *Kind, *say.FORMATS, *entries.NAMES, *model.BUILTIN, *hours.STATES}
    words |= {"is", "in", "not_in", "at_least", "below", "given", "parcel"} | set(loader.DEFAULT_EDGES)
    missing = [w for w in words if f"`{w}`" not in text and f"{w}:" not in text and f"{{{w}:" not in text]
    assert missing == []
    assert set(parcel.FORMATS) == {"parcel", "parcel_short"}
