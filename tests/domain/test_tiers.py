"""domain.md §2: six published schemes, their thresholds to the cent, and the reasons in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.__main__ import main
from cti.domain.tier_files import SchemeFaults, read_scheme
from cti.domain.tiers import MetricsError, check_metrics
from cti.errors import ConfigError, UsageError
from cti.schemes import PRESETS, load_file, load_scheme


def _tier(scheme: str, **metrics: Any) -> tuple[str, str]:
    ref = load_scheme(scheme).classify(check_metrics(metrics, lists=load_scheme(scheme).lists))
    return ref.label, ref.reason


@pytest.mark.parametrize(
    ("revenue", "label"),
    [
        (100_000, "项目客户"),
        (99_999.99, "VIP客户"),
        (10_000, "VIP客户"),
        (9_999.99, "中端客户"),
        (2_000, "中端客户"),
        (1_999.99, "普通客户"),
        (300, "普通客户"),
        (299.99, "流动客户"),
        (0, "流动客户"),
        (-5, "流动客户"),
    ],
)
def test_sf_lower_bound_included_upper_excluded(revenue: float, label: str) -> None:
    """domain.md §2: sf — 项目 ≥ 100,000 · VIP 10,000– · 中端 2,000– · 普通 300– · 流动 < 300 元."""
    assert _tier("sf", monthly_revenue=revenue)[0] == label


def test_sf_reason_holds_the_figures() -> None:
    """The reason names the figure and the bounds that decided."""
    assert _tier("sf", monthly_revenue=12000)[1] == "月贡献 12,000 元 ≥ 10,000 且 < 100,000"


@pytest.mark.parametrize(
    ("volume", "cv", "label"),
    [(1000, 0.3, "一等客户"), (1000, 0.31, "二等客户"), (999, 0.1, "三等客户"), (10, 2, "三等客户")],
)
def test_jingguang_volume_and_stability(volume: float, cv: float, label: str) -> None:
    """domain.md §2: jingguang — JG 5.2: most and stable · much and unstable · the rest; the open figures
    are marked as ours."""
    found, reason = _tier("jingguang", monthly_volume=volume, volume_cv=cv)
    assert found == label
    assert "系统默认，待确认" in reason


def test_jingguang_decides_by_volume_alone_where_that_suffices() -> None:
    """A small sender is 三等 whether stable or not; a big one needs the second figure."""
    assert _tier("jingguang", monthly_volume=10)[0] == "三等客户"
    with pytest.raises(MetricsError, match="volume_cv"):
        _tier("jingguang", monthly_volume=5000)


@pytest.mark.parametrize(
    ("metrics", "label"),
    [
        ({"annual_revenue": 10_000}, "大客户"),
        ({"annual_revenue": 9_999.99}, "一般客户"),
        ({"annual_revenue": 100, "is_contract": True, "county_rank": 5}, "大客户"),
        ({"annual_revenue": 100, "is_contract": True, "county_rank": 6}, "一般客户"),
        ({"annual_revenue": 100, "is_contract": False, "county_rank": 1}, "一般客户"),
        ({"is_contract": True, "county_rank": 1}, "大客户"),
        ({"flags": ["government"]}, "大客户"),
        ({"flags": ["党政机关"]}, "大客户"),
        ({"flags": ["potential"], "annual_revenue": 0}, "大客户"),
    ],
)
def test_hubei_ems(metrics: dict[str, Any], label: str) -> None:
    """domain.md §2: hubei_ems — HB 第三条: ≥ 10,000 元 a year, or contract and top 5 of the county, or
    重要/潜在大客户."""
    assert _tier("hubei_ems", **metrics)[0] == label


def test_hubei_ems_names_the_flag() -> None:
    """The reason says which kind of 重要大客户 it is."""
    assert "法院" in _tier("hubei_ems", flags=["court"])[1]


@pytest.mark.parametrize(("orders", "label"), [(5001, "大客户"), (5000, "普通客户"), (0, "普通客户")])
def test_key_account(orders: int, label: str) -> None:
    """domain.md §2: key_account — KA: more than 5,000 orders a year."""
    assert _tier("key_account", orders_per_year=orders)[0] == label


@pytest.mark.parametrize(("pieces", "label"), [(300.01, "大客户"), (300, "普通客户")])
def test_yuantong(pieces: float, label: str) -> None:
    """domain.md §2: yuantong — YT: the mean of the last three months must exceed 300 pieces a day."""
    assert _tier("yuantong", daily_pieces_3m=pieces)[0] == label


def test_yuantong_counts_a_month_as_26_days() -> None:
    """domain.md §2: yuantong — YT: the daily figure follows from the last three months; earlier ones do
    not count."""
    assert _tier("yuantong", monthly_pieces=[99_999, 7800, 7800, 7801])[0] == "大客户"
    assert _tier("yuantong", monthly_pieces=[99_999, 7800, 7800, 7800])[0] == "普通客户"
    assert _tier("yuantong", daily_pieces_3m=312)[1] == "近三月日均 312 件 > 300"


@pytest.mark.parametrize(
    ("revenue", "tier"),
    [(1_000_000, "A级"), (999_999, "B级"), (500_000, "B级"), (100_000, "C级"), (99_999, "D级")],
)
def test_abcd(revenue: float, tier: str) -> None:
    """domain.md §2: abcd — AB: yearly revenue; the thresholds are left open by the source, so ours are
    marked."""
    label, reason = _tier("abcd", annual_revenue=revenue)
    assert label == tier
    assert "系统默认，待确认" in reason


def test_abcd_visit_plan() -> None:
    """domain.md §2: abcd steers — AB 五: A visits ≥ 3/month and calls ≥ 2/week · B 2, 1 · C 1, ½ · D 0,
    ½."""
    plan = [(t.benefits.visits_per_month, t.benefits.calls_per_week) for t in load_scheme("abcd").tiers]
    assert plan == [(3, 2), (2, 1), (1, 0.5), (0, 0.5)]


def test_own_parameters_are_no_longer_ours() -> None:
    """An owner's value of an open threshold counts, and is not marked as a default."""
    ref = load_scheme("abcd", parameters={"a": 50_000, "b": 40_000, "c": 30_000}).classify(
        {"annual_revenue": 60_000}
    )
    assert (ref.id, "系统默认" in ref.reason) == ("A", False)


@pytest.mark.parametrize("name", PRESETS)
@given(data=st.data())
def test_every_customer_has_exactly_one_tier(name: str, data: st.DataObject) -> None:
    """domain.md §2: first tier wins — whatever the figures, every preset gives one tier with a reason."""
    money = st.floats(0, 10**7, allow_nan=False)
    metrics = {
        "monthly_revenue": data.draw(money),
        "annual_revenue": data.draw(money),
        "orders_per_year": data.draw(st.integers(0, 20_000)),
        "daily_pieces_3m": data.draw(st.floats(0, 2000)),
        "county_rank": data.draw(st.integers(1, 100)),
        "is_contract": data.draw(st.booleans()),
        "flags": data.draw(st.lists(st.sampled_from(["government", "potential", "court"]), max_size=2)),
        "monthly_volume": data.draw(st.floats(0, 10_000)),
        "volume_cv": data.draw(st.floats(0, 5)),
        "regions": data.draw(st.integers(0, 17)),
    }
    scheme = load_scheme(name)
    ref = scheme.classify(check_metrics(metrics))
    matching = [t for t in scheme.tiers if t.when is not None and t.when.test(metrics)]
    assert len(matching) <= 1
    assert ref.reason
    assert ref.id == (matching[0].id if matching else scheme.tiers[-1].id)


_HEAD = 'name = "own"\nlabel = "自定"\nsource = "x"\n'


def _faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(SchemeFaults) as caught:
        read_scheme(_HEAD + text)
    return caught.value.faults


def _two(first: str, second: str) -> str:
    one = f'[[tiers]]\nid = "a"\nlabel = "A"\nwhen = "{first}"\n'
    return one + f'[[tiers]]\nid = "b"\nlabel = "B"\nwhen = "{second}"\n'


def test_gap_is_refused_with_its_line() -> None:
    """Figures that fall into no tier are named with the line of the tier beside them."""
    ((line, what),) = _faults(_two("monthly_revenue >= 2000", "monthly_revenue < 1000"))
    assert line == 11
    assert what.startswith("gap: monthly_revenue = 1,000")


def test_overlap_is_refused_with_both_lines() -> None:
    """Figures that fall into two tiers are named with both lines."""
    ((line, what),) = _faults(_two("monthly_revenue >= 1000", "monthly_revenue <= 1000"))
    assert line == 11
    assert what == "overlap: monthly_revenue = 1,000 falls into a (line 7) and b"


def test_boundary_that_belongs_to_nobody_is_a_gap() -> None:
    """One figure between > and < is enough for a gap."""
    ((_, what),) = _faults(_two("monthly_revenue > 1000", "monthly_revenue < 1000"))
    assert what == "gap: monthly_revenue = 1,000 falls into no tier"


def test_gap_over_several_metrics_is_found() -> None:
    """A combination of metrics that no tier takes is found, not only single ranges."""
    ((_, what),) = _faults(_two("monthly_revenue >= 10 and is_contract", "monthly_revenue < 10"))
    assert "is_contract = false" in what


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (_two("revenue >= 1", "revenue < 1"), 7, "no metric in revenue >= 1"),
        (_two("monthly_revenue >= much", "monthly_revenue < 1"), 7, "'much' is neither"),
        (_two("monthly_revenue >=", "monthly_revenue < 1"), 7, "ends too early"),
        (_two("(monthly_revenue >= 1", "monthly_revenue < 1"), 7, "bracket"),
        (_two("monthly_revenue >= 1 $", "monthly_revenue < 1"), 7, "cannot read"),
        (_two("is_contract >= 1", "monthly_revenue < 1"), 7, "not a number"),
        (_two("flags has nobody", "monthly_revenue < 1"), 7, "unknown flag nobody"),
        (_two("monthly_revenue", "monthly_revenue < 1"), 7, "needs a comparison"),
        ('colour = "red"\n' + _two("is_contract", "not is_contract"), 4, "unknown key 'colour'"),
        ('[[tiers]]\nid = "a"\nlabel = 7\nwhen = "is_contract"\n', 6, "wrong type"),
        ('[[tiers]]\nid = "a"\nlabel = "A"\n', 4, "either a predicate"),
        (
            '[[tiers]]\nid = "a"\nlabel = "A"\notherwise = true\n' + _two("is_contract", "not is_contract"),
            7,
            "last",
        ),
        ('[[tiers]]\nid = "a"\nlabel = "A"\notherwise = true\n[tiers.gets]\npriority = 15\n', 9, "0 to 14"),
        (
            '[[tiers]]\nid = "a"\nlabel = "A"\notherwise = true\n[tiers.gets]\ngreeting = "{who}"\n',
            9,
            "only {name}",
        ),
        ("[[tiers]\n", 4, "not TOML"),
        ("tiers = []\n", 4, "no tiers"),
    ],
)
def test_faulty_scheme_is_refused_with_line(text: str, line: int, said: str) -> None:
    """Each fault of a scheme file is told with the line it stands on."""
    faults = _faults(text)
    assert any(found == line and said in what for found, what in faults), faults


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """A file with several faults is refused once, with file and line of each."""
    file = tmp_path / "own.toml"
    file.write_text(_HEAD + _two("revenue >= 1", "monthly_revenue < x"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_file(file)
    assert f"{file}:7:" in str(caught.value)
    assert f"{file}:11:" in str(caught.value)


def test_tier_that_is_never_reached_is_refused() -> None:
    """A tier behind one that takes everything it could take is a mistake."""
    text = _two("monthly_revenue >= 0", "monthly_revenue < 0") + (
        '[[tiers]]\nid = "c"\nlabel = "C"\notherwise = true\n'
    )
    assert _faults(text) == [(15, "tier c is never reached")]


def test_own_scheme_file_comes_before_the_presets(tmp_path: Path) -> None:
    """An owner's file is found by its name, also under the name of a preset."""
    file = tmp_path / "sf.toml"
    text = _HEAD.replace("own", "sf") + _two("monthly_revenue >= 5", "monthly_revenue < 5")
    file.write_text(text, encoding="utf-8")
    assert load_scheme("sf", [file]).classify({"monthly_revenue": 5}).label == "A"
    with pytest.raises(UsageError, match="known: sf"):
        load_scheme("nope", [file])


@pytest.mark.parametrize(
    ("scheme", "metrics", "said"),
    [
        ("sf", "{}", "needs monthly_revenue"),
        ("sf", '{"income": 5}', "unknown metric 'income'"),
        ("sf", '{"monthly_revenue": "5"}', "must be a number"),
        ("sf", '{"monthly_revenue": true}', "must be a number"),
        ("sf", '{"monthly_revenue": NaN}', "must be a number"),
        ("sf", '{"monthly_revenue": 1e999}', "must be a number"),
        ("sf", "[1]", "must be a JSON object"),
        ("sf", "{", "not JSON"),
        ("sf", "[" * 100_000, "not JSON"),
        ("hubei_ems", '{"flags": "government"}', "list of words"),
        ("hubei_ems", '{"flags": ["friend"]}', "unknown flag friend"),
        ("hubei_ems", '{"is_contract": 1}', "true or false"),
        ("yuantong", '{"monthly_pieces": 3}', "list of months"),
        ("none", "{}", "unknown tier scheme"),
    ],
)
def test_command_refuses_bad_metrics_in_one_sentence(
    scheme: str, metrics: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad input is one line on stderr and status 2."""
    assert main(["tier", "--scheme", scheme, "--metrics", metrics, "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_command_prints_tier_label_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """``laidian tier`` in the form that the issue prescribes."""
    assert main(["tier", "--scheme", "sf", "--metrics", '{"monthly_revenue": 12000}', "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "scheme": "sf",
        "tier": "vip",
        "label": "VIP客户",
        "reason": "月贡献 12,000 元 ≥ 10,000 且 < 100,000",
    }


def test_command_lists_a_scheme_and_marks_our_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """``--list`` shows the tiers in order and which parameters are ours."""
    assert main(["tier", "--scheme", "abcd", "--list"]) == 0
    out = capsys.readouterr().out
    assert out.index("A级") < out.index("D级")
    assert out.count("系统默认，待确认") == 3
