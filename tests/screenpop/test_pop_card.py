"""Words of the card: greetings, masks, traces of a real Asterisk as pops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.ami.trace import replay
from cti.domain.customer import Customer, CustomerKind, TierRef
from screenpop.card import Style, greeting, mask_text
from screenpop.merge import MAX_CONTEXT_KEYS, MAX_TEXT, clean, merge_context
from screenpop.replay import Offline

TRACES = Path(__file__).parents[1] / "traces"
STYLE = Style(
    "{name}{title}，请问有什么可以帮助您？", "您好，{company}，请问有什么可以帮助您？", company="来电速运"
)


def who(name: str, title: str, company: str = "", kind: CustomerKind = CustomerKind.PERSON) -> Customer:
    return Customer(1, "C1", kind, name, title, company, "", None, "", False, None)


@pytest.mark.parametrize(
    ("customer", "said"),
    [
        (who("王小明", "先生"), "王先生，"),
        (who("欧阳静", "女士"), "欧阳女士，"),
        (who("欧阳", "先生"), "欧先生，"),
        (who("王小明", ""), "王小明您好，"),
        (who("Smith", "先生"), "Smith先生，"),
        (who("刘芳", "女士", "顺达贸易", CustomerKind.COMPANY), "刘女士，"),
        (who("顺达贸易", "", "顺达贸易", CustomerKind.COMPANY), "顺达贸易您好，"),
        (who("顺达贸易", "先生", "顺达贸易", CustomerKind.COMPANY), "顺达贸易您好，"),
        (who("{company}{0}", ""), "{company}{0}您好，"),
        (None, "您好，来电速运，"),
    ],
)
def test_greeting_says_surname_and_title(customer: Customer | None, said: str) -> None:
    """domain.md §3: first sentence — what the agent reads out first fits the person or firm; names are
    never templates."""
    assert greeting(customer, STYLE) == f"{said}请问有什么可以帮助您？"


def test_a_tier_may_have_a_greeting_of_its_own() -> None:
    """domain.md §2: greeting hint — a scheme's sentence for a tier goes before the usual one."""
    style = replace(STYLE, greetings={("sf", "vip"): "{name}{title}，感谢您一直选择{company}。"})
    vip = replace(who("王小明", "先生"), tier=TierRef("sf", "vip", "VIP客户", ""))
    assert greeting(vip, style) == "王先生，感谢您一直选择来电速运。"
    other = replace(vip, tier=TierRef("sf", "mid", "中端客户", ""))
    assert greeting(other, style) == "王先生，请问有什么可以帮助您？"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("请打13800138000谢谢", "请打138****8000谢谢"),
        ("138-0013-8000 / 138 0013 8000", "138****8000 / 138****8000"),
        ("电话0755-86013388转8001", "电话0755-****3388转8001"),
        ("02088887777", "020-****7777"),
        ("+86 13800138000，8613800138000，013800138000", "138****8000，138****8000，138****8000"),
        ("运单1234567890123", "运单1234567890123"),
        ("SF1380013800012", "SF1380013800012"),
        ("应于 2026-03-09 18:00 前答复", "应于 2026-03-09 18:00 前答复"),
        ("", ""),
    ],
)
def test_numbers_inside_texts_are_masked_and_waybills_are_not(text: str, shown: str) -> None:
    """Mobile and land-line numbers lose their middle, longer runs of digits stay."""
    assert mask_text(text) == shown


@given(st.text(), st.integers(13000000000, 19999999999), st.text())
def test_no_mobile_number_survives_masking(before: str, number: int, after: str) -> None:
    """Between any two texts that do not end or begin with a digit the number is hidden."""
    if not (before[-1:].isdigit() or after[:1].isdigit()):
        assert str(number) not in mask_text(f"{before}{number}{after}")
        assert str(number) not in mask_text(f"+86{number}")


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
def test_context_stays_bounded_and_storable(old: dict[str, str], new: dict[str, str]) -> None:
    """Whatever a caller or a script says: few keys, short texts, nothing that a store refuses."""
    merged = merge_context(merge_context({}, old), new)
    assert len(merged) <= MAX_CONTEXT_KEYS
    for key, value in merged.items():
        assert (len(key) <= 64, len(value) <= MAX_TEXT) == (True, True)
        assert (clean(key), clean(value)) == (key, value)
        assert "\x00" not in f"{key}{value}".encode().decode()


def told(name: str) -> list[tuple[str, str, str]]:
    """Agent, message and state or reason of each message of a trace."""
    offline = Offline()
    messages = [m for e in replay(TRACES / f"{name}.jsonl") for m in offline.feed(e)] + offline.finish()
    assert offline.faults == []
    found = []
    for m in messages:
        what = m.get("reason") or (m.get("changes") or m).get("call", {}).get("state", "")
        found.append((m["agent"], m["type"].removeprefix("pop_"), what))
    return found


def test_traces_of_a_real_asterisk_become_the_right_pops() -> None:
    """Direct, ring-all, hunt, rejected, abandoned, two devices: pops open and close as the agents saw it."""
    done = [("update", "talking"), ("update", "wrapup"), ("close", "completed")]
    for name, agent in (("direct", "1001"), ("two_devices", "1004"), ("local_channels", "1004")):
        assert told(name) == [(agent, "pop", "ringing"), *((agent, *step) for step in done)], name
    assert told("hunt")[:3] == [
        ("1001", "pop", "ringing"),
        ("1001", "close", "no_answer"),
        ("1002", "pop", "ringing"),
    ]
    assert told("rejected")[:2] == [("1001", "pop", "ringing"), ("1001", "close", "rejected")]
    assert told("abandoned_ringing") == [("1001", "pop", "ringing"), ("1001", "close", "abandoned")]
    ring_all = told("ring_all")
    assert sorted(ring_all[:3]) == [(a, "pop", "ringing") for a in ("1001", "1002", "1003")]
    assert sorted(ring_all[3:5]) == [(a, "close", "answered_elsewhere") for a in ("1001", "1003")]


def test_transferred_callers_keep_their_number_in_traces() -> None:
    """Blind and attended: the receiver's pop shows the original caller and who had him."""
    for name, kind in (("blind", "blind"), ("attended", "attended")):
        offline = Offline(masked=False)
        messages = [m for e in replay(TRACES / f"{name}.jsonl") for m in offline.feed(e)]
        pop = next(m for m in messages if m["type"] == "pop" and m["agent"] == "1002")
        assert pop["caller"]["number"] == "13800138000"
        assert pop["call"]["peer"] == "1001"
        last = [m for m in messages if m["agent"] == "1002" and "call" in m.get("changes", {})][-1]
        chain = [(c["kind"], c["agent"], c["peer"]) for c in last["changes"]["call"]["chain"]]
        assert (kind, "1001", "1002") in chain


def test_every_trace_ends_with_an_empty_desk() -> None:
    """After each recorded story every pop that opened has closed exactly once."""
    for file in sorted(TRACES.glob("*.jsonl")):
        offline = Offline()
        messages = [m for e in replay(file) for m in offline.feed(e)] + offline.finish()
        opened = sorted(m["id"] for m in messages if m["type"] == "pop")
        closed = sorted(m["id"] for m in messages if m["type"] == "pop_close")
        assert opened == closed, file.name
        assert offline.faults == [], file.name
