# ruff: noqa: E501 - tables of cases read best a line each
"""Flows played as text: what callers hear and where they end, for every flow."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from cti.__main__ import main
from cti.errors import ConfigError, UsageError
from ivr_flows import graph, prompts, sample, simulate
from ivr_flows.protocol import Started
from tests.ivr.flow_walks import AT, engine


def play(flow: str, keys: str, **given: Any) -> simulate.Played:
    """A simulation with the invented data."""
    caller = given.pop("caller", sample.CALLER)
    data = given.pop("data", None) or sample.built_in(AT, given.get("tier", ""), caller)
    recording = given.pop("recording", "ok")
    started = Started(caller=caller, at=AT, tier=given.pop("tier", ""), values=given)
    return simulate.play(engine(), flow, keys, data, started=started, recording=recording)


def words(played: simulate.Played) -> str:
    """What was heard, as text."""
    manifest, _ = prompts.load()
    return "".join(manifest.text(s) for s in played.spoken)


# flow, keys, what must be heard (in this order), how it ends
PATHS: list[tuple[str, str, list[str], str]] = [
    ("main", "1,1234567890#", ["欢迎致电", "请输入运单号码", "尾号七八九零正在派送途中。预计今天下午两点之前送达。"], "transfer:hotline"),
    ("main", "*,*,0", ["快件查询请按一", "正在为您转接人工服务"], "transfer:hotline"),
    ("main", "4,#", ["您的可用积分为一千两百八十分", "感谢您的来电，再见。"], "hangup"),
    ("main", "3,1,1,1234567890#", ["非常抱歉", "您的投诉已经受理，受理编号是八零零零幺我们将在明天上午十点之前给您答复"], "transfer:claims"),
    ("tracking", "1234567891#", ["已从杭州发出，正在运往深圳预计明天上午十点之前送达"], "transfer:hotline"),
    ("tracking", "2234567890#,7000", ["收件人电话的后四位", "因天气原因派送受到影响，非常抱歉。预计明天上午十点之前送达。"], "transfer:hotline"),
    ("tracking", "2234567891#,7000", ["具体原因正在核实。我们正在跟进处理"], "transfer:hotline"),
    ("tracking", "2234567890#,1111,2222,3333", ["后四位号码不符", "后四位号码不符", "后四位号码不符"], "transfer:hotline"),
    ("tracking", "#,2", ["尾号七八九零", "请按一。尾号七八九幺", "请按二。", "尾号七八九幺今天凌晨一点已从杭州发出"], "transfer:hotline"),
    ("tracking", "#,3,*", ["前天上午九点由本人签收"], "hangup"),
    ("tracking", "9999999999#,0", ["九九九九九九九九九九没有查到这个运单"], "transfer:hotline"),
    ("tracking", "3234567890#,6000", ["今天上午九点已到达南山派送网点，即将安排派送。预计今天上午十一点半之前送达。"], "transfer:hotline"),
    ("pickup", "2,1,2#", ["预约成功，快递员将在明天上午九点到上午十一点之间上门取件，共两件预约单号是六零零零幺"], "hangup"),
    ("quote", "2*5#,0571#,755#,*", ["二点五公斤的快件，从杭州寄到深圳参考运费为二十二元预计时效两天"], "hangup"),
    ("quote", "99#,1#,010#,0891#,*", ["您的输入有误", "拉萨暂时不在我们的服务范围之内"], "hangup"),
    ("coverage", "0755#,*", ["深圳在我们的服务范围之内。上午到达的快件，十一点半前送达"], "hangup"),
    ("coverage", "010#,*", ["北京大部分地区", "当天下午三点前送达"], "hangup"),
    ("coverage", "0999#,0891#,*", ["没有找到这个区号", "拉萨暂时不在"], "hangup"),
    ("branch_phone", "020#,1,*", ["广州网点的电话号码是零二零零零零零零零零幺"], "hangup"),
    ("complaint", "7,#", ["其他请按七", "受理编号是"], "transfer:claims"),
    ("claim", "1234567890#,1,300#", ["您的理赔申请已经登记，编号是七零零零幺申报价值为三百元"], "hangup"),
    ("suggestion", "", ["您的建议已经收到"], "hangup"),
    ("points", "", ["您的可用积分为一千两百八十分"], "hangup"),
    ("agent", "", ["正在为您转接人工服务"], "transfer:hotline"),
    ("callback", "1", ["您的来电号码是幺三八零零幺三八零零零", "您当前排在第三"], "hangup"),
    ("callback", "2,123#,075586013388#", ["您的输入有误", "我们将回呼零七五五八六零幺三三八八"], "hangup"),
    ("survey", "5", ["请对本次服务作出评价", "感谢您的评价"], "hangup"),
    ("survey", "1", ["很抱歉没有让您满意", "感谢您的评价"], "hangup"),
    ("survey", "", ["没有收到您的输入", "感谢您的来电"], "hangup"),
    ("waybill", "800100200301#", ["运单号"], "hangup"),
    ("waybill", "0", ["运单号"], "hangup"),
    ("green", "", ["尊敬的贵宾客户"], "transfer:vip"),
]  # fmt: skip


@pytest.mark.parametrize(("flow", "keys", "heard", "end"), PATHS)
def test_what_callers_hear(flow: str, keys: str, heard: list[str], end: str) -> None:
    """domain.md §7: points in the IVR; domain.md §8: tracking by number, pick-up, claim, suggestion,
    quote, coverage, points, branch phone — each flow tells the right things in the right order and ends
    where it should."""
    played = play(flow, keys)
    text, at = words(played), 0
    for part in heard:
        found = text.find(part, at)
        assert found >= 0, f"{part!r} not heard in {text[at:]!r}"
        at = found + len(part)
    assert played.end == end


def test_every_flow_has_a_played_path() -> None:
    """No flow is shipped whose words nobody listened to."""
    assert {flow for flow, *_ in PATHS} == set(engine().flows)


@pytest.mark.parametrize(
    "keys", ["*#*#", "1" * 60, "#" * 60, "*" * 60, "1,*#*#", "1," + "9" * 60 + "#", "2,2,****#,#"]
)
def test_strange_keys_end_with_a_person(keys: str) -> None:
    """Key bashing and endless digits reach a person."""
    assert play("main", keys).end == "transfer:hotline"


def test_keys_without_an_end_reach_a_person() -> None:
    """Who goes round the menus for ever is given to a person at last."""
    played = play("main", ",".join(["2", "*"] * 240))
    assert played.end == "transfer:hotline"


def test_tiers_decide_the_way() -> None:
    """domain.md §8: to a person — key customers skip the menu; 中端 gets some priority; the rest waits in
    line."""
    for tier in ("项目客户", "VIP客户"):
        played = play("main", "1", tier=tier)
        assert "menu" not in played.path
        assert played.end == "transfer:vip"
    assert play("main", "0", tier="中端客户").vars["priority"] == 3
    assert "priority" not in play("main", "0", tier="普通客户").vars


def test_a_withheld_number_is_asked_for_nothing_it_cannot_have() -> None:
    """Without a number there is no look-up by it, and the flows say so."""
    played = play("main", "1,#", caller="")
    assert "who" not in played.path
    assert "无法识别您的来电号码" in words(played)


def test_silence_and_hanging_up_are_entries() -> None:
    """'-' is silence, 'x' hangs up."""
    played = play("tracking", "-,x")
    assert played.path == ("ask", "ask", "gone")
    assert played.end == "hangup"


def test_foreign_keys_are_refused_in_a_simulation() -> None:
    """What no telephone has cannot be typed."""
    with pytest.raises(UsageError, match="'1a'"):
        play("main", "1a")


def run(*args: str) -> tuple[int, str]:
    """The command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "cti", *args], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_simulation_prints_exactly_its_contract(capsys: pytest.CaptureFixture[str]) -> None:
    """--json gives path, spoken, vars and end, and nothing else."""
    assert main(["flow", "simulate", "main", "--keys", "1,1234567890#", "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert list(out) == ["path", "spoken", "vars", "end"]
    assert out["path"][0] == "welcome"
    assert out["spoken"][:3] == ["welcome", "main_menu", "ask_waybill"]
    assert out["vars"]["waybill"] == "1234567890"
    assert out["end"] == "transfer:hotline"


def test_the_command_line_proves_and_draws() -> None:
    """check, graph and prompts check run; a wrong name is one sentence and a status of its own."""
    status, out = run("flow", "check", "--json")
    assert status == 0
    assert json.loads(out)["ok"]
    status, out = run("flow", "graph", "tracking", "--format", "svg")
    assert status == 0
    assert out.startswith("<svg")
    status, out = run("prompts", "check", "--json")
    assert status == 0
    assert json.loads(out)["unused"] == []
    assert run("flow", "simulate", "nowhere") == (
        2,
        f"laidian: no flow 'nowhere'; there are: {', '.join(sorted(engine().flows))}\n",
    )
    status, out = run("flow", "simulate", "main", "--at", "noon")
    assert (status, out.count("\n")) == (2, 1)


def test_a_wrong_flow_file_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1 and a line with file and number."""
    path = tmp_path / "mine.yaml"
    path.write_text("title: x\nstart: a\noperator: a\nnodes:\n  a: {kind: goto, next: b}\n", encoding="utf-8")
    assert main(["flow", "check", str(path)]) == 1
    assert f"{path}:5: edge 'next' of 'a' leads to 'b'" in capsys.readouterr().out


def test_own_data_answer_the_lookups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--data takes parcels, customers and queues from a file; operations named in `down` are away."""
    data = tmp_path / "data.json"
    data.write_text(
        json.dumps(
            {
                "parcels": [{"number": "1234567890", "state": "派件中", "receiver": "13700137000"}],
                "queues": {"hotline": {"outcome": "waiting", "position": 5, "wait_s": 60}},
                "down": ["points"],
            }
        ),
        encoding="utf-8",
    )
    args = ["flow", "simulate", "main", "--data", str(data), "--caller", "13700137000", "--json", "--keys"]
    assert main([*args, "1,1234567890#,0"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert "parcel_delivering" in out["spoken"]
    assert out["vars"]["position"] == 5
    assert main([*args, "4"]) == 0
    assert "system_busy" in json.loads(capsys.readouterr().out)["spoken"]
    data.write_text('{"parcels": [7]}', encoding="utf-8")
    with pytest.raises(ConfigError, match="parcels"):
        sample.from_file(data, AT)


def test_values_with_quotes_and_newlines_inject_nothing(tmp_path: Path) -> None:
    """A back end that sends harmful texts is read out clean."""
    data = sample.Sample(
        [{"number": "1234567890", "state": "in_transit", "receiver": sample.CALLER, "destination": 'x"\r\nHANGUP\n${SHELL(id)}',
          "place": "a'; --", "updated_at": "2026-03-04T00:00:00+00:00"}],
        {},
    )  # fmt: skip
    played = play("tracking", "1234567890#", data=data)
    texts = [s for s in played.spoken if not s.replace("_", "a").isalnum()]
    assert texts
    assert not set("".join(texts)) & set("\"'\r\n${}();")


@pytest.mark.parametrize("flow", sorted(engine().flows))
def test_pictures_show_every_node(flow: str) -> None:
    """Mermaid and SVG name each node; the SVG is well-formed."""
    made = engine().flows[flow]
    text, picture = graph.mermaid(made), graph.svg(made)
    ET.fromstring(picture)
    for node in made.nodes:
        assert f"n_{node}" in text
        assert f">{node}</text>" in picture
