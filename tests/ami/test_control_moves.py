"""Call control's two tables: what is allowed when, and the AMI actions it takes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cti.ami.moves import ALLOWED, TARGETED, Command, Plan, Target, TargetKind, allowed, plan
from cti.ami.placing import place_of
from cti.ami.situation import GONE, Situation, View, view
from cti.config import Settings
from cti.errors import UsageError
from screenpop.control import words
from screenpop.control.targets import Targets

AGENT = Target(TargetKind.AGENT, "1002")
EVERY = list(itertools.product(Situation, Command))


def standing(situation: Situation, **more: Any) -> View:
    return View(situation, "1001", "PJSIP/1001-2", "PJSIP/trunk-1", "PJSIP/1002-3", asked="2*1", **more)


def actions(planned: Plan) -> list[Any]:
    return [*planned.before, *([planned.move] if planned.move is not None else []), *planned.after]


@pytest.mark.parametrize(("situation", "command"), EVERY, ids=[f"{s}-{c}" for s, c in EVERY])
def test_every_command_in_every_situation(situation: Situation, command: Command) -> None:
    """Allowed: at most one Redirect, all channels named, an outcome to wait for; else refused in words."""
    if (situation, command) not in ALLOWED:
        with pytest.raises(UsageError):
            plan(standing(situation), command, AGENT, "waybill")
        assert command not in allowed(standing(situation))
        assert words.refusal(command, situation).endswith("。")
        return
    for at_desk, calling in ((True, False), (False, True), (False, False)):
        planned = plan(standing(situation, at_desk=at_desk, calling=calling), command, AGENT, "waybill")
        kinds = [a["Action"] for a in actions(planned)]
        assert kinds.count("Redirect") <= 1
        assert set(kinds) <= {"Setvar", "Redirect", "Hangup"}
        assert planned.leads_to
        assert situation not in planned.leads_to
        contexts = [v for a in actions(planned) for k, v in a.items() if k in ("Context", "ExtraContext")]
        assert all(context.startswith("laidian-") for context in contexts)


@pytest.mark.parametrize("name", ["PJSIP/x\r\nAction: Command", "a b", "", "x" * 200, "客户"])
def test_what_the_pbx_did_not_name_is_never_sent(name: str) -> None:
    """A channel name that could end a header is refused before anything is sent."""
    with pytest.raises(UsageError):
        plan(View(Situation.TALKING, "1001", "PJSIP/1001-1", name), Command.HOLD)


def test_a_transfer_needs_a_target() -> None:
    """Transfer and consultation without a target are refused."""
    for command in TARGETED:
        with pytest.raises(UsageError):
            plan(standing(Situation.TALKING), command)


def test_nothing_is_over() -> None:
    """A call that nobody knows is over, and nothing may be ordered."""
    assert view(None, "1001") == GONE
    assert allowed(GONE) == ()
    assert (place_of("laidian-held"), place_of("laidian-given"), place_of("from-trunk")) == (
        "held",
        "room",
        "",
    )


@pytest.mark.parametrize(
    ("kind", "to", "fault"),
    [
        ("agent", "1001", "own_number"),
        ("agent", "9999", "no_such_agent"),
        ("queue", "nope", "no_such_queue"),
        ("number", "00441234567", "number_not_allowed"),
        ("number", "1688800001111", "number_not_allowed"),
        ("number", "110", "number_not_allowed"),
    ],
)
def test_targets_are_those_of_the_settings(kind: str, to: str, fault: str) -> None:
    """Unknown agents and queues, oneself, and numbers that the owner did not allow are refused."""
    settings = Settings(
        agents=[{"number": "1001"}, {"number": "1002"}],
        queues=[{"name": "a", "label": "甲"}, {"name": "b", "label": "乙"}],
        asterisk={"trunk_contact": "sip:127.0.0.1:5090"},
    )
    targets = Targets(settings)
    with pytest.raises(UsageError, match=fault):
        targets.find(kind, to, by="1001")
    assert targets.find("queue", "b", by="1001") == Target(TargetKind.QUEUE, "2")
    assert targets.find("number", "138 0013-8000", by="1001") == Target(TargetKind.NUMBER, "13800138000")
    with pytest.raises(UsageError, match="number_not_allowed"):
        Targets(Settings()).find("number", "13800138000", by="1001")
