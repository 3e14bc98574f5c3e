"""What each kind of node does when a call comes to it, and what it makes of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ivr_flows import asking, clean, model, values
from ivr_flows import protocol as p
from ivr_flows.lookups import OPERATIONS

if TYPE_CHECKING:
    from ivr_flows.walk import Walk

MAX_DEPTH = 5  # flows that call each other
_ALL_KEYS = "0123456789*#"


def enter_say(walk: Walk, node: model.Say) -> p.Command | None:
    sounds = walk.sounds(node.parts)
    if walk.gone or not sounds or (walk.typed and node.barge_in):
        walk.follow("next")
        return None
    keys = _ALL_KEYS.replace(walk.swallow, "") if walk.swallow else _ALL_KEYS
    return p.Play(sounds, keys if node.barge_in else "")


def resume_say(walk: Walk, node: model.Say, event: p.Played) -> None:
    digit = clean.keys(event.digit, 1)
    if digit == "0":
        walk.to_operator()
        return
    if digit and digit != walk.swallow and node.barge_in:
        walk.typed = (walk.typed + digit)[: asking.MAX_AHEAD]
    walk.follow("next")


def enter_lookup(walk: Walk, node: model.Lookup) -> p.Command | None:
    operation = OPERATIONS[node.operation]
    if walk.gone and not operation.writes:
        return p.Finish({})
    args: dict[str, p.Scalar] = {}
    for name, operand in node.args.items():
        value = walk.value(operand)
        args[name] = value if isinstance(value, str | int) else ""
    return p.Ask(node.operation, args, node.deadline_s)


def resume_lookup(walk: Walk, node: model.Lookup, event: p.Answered | p.AskFailed) -> None:
    if isinstance(event, p.AskFailed):
        walk.follow("late" if event.reason == "timeout" else "failed")
        return
    operation = OPERATIONS[node.operation]
    if event.outcome not in operation.outcomes or f"outcome:{event.outcome}" not in node.edges:
        walk.follow("failed")
        return
    before = dict(walk.values)
    try:
        for name, source in node.store.items():
            kind = operation.fields[source]
            given = event.data.get(source)
            walk.put(name, values.empty(kind) if given is None else given)
    except (ValueError, TypeError):
        walk.values = before  # all of an answer or nothing
        walk.follow("failed")
        return
    walk.follow(f"outcome:{event.outcome}")


def enter_record(walk: Walk, node: model.Record) -> p.Command | None:
    if walk.gone:
        walk.follow("hangup")
        return None
    walk.typed = ""
    return p.Record(walk.sounds(node.parts), node.maximum_s, node.silence_s)


def resume_record(walk: Walk, node: model.Record, event: p.Recorded | p.RecordFailed) -> None:
    if isinstance(event, p.RecordFailed):
        walk.follow("failed")
        return
    walk.gone = walk.gone or event.hung_up
    reference = clean.reference(event.ref)
    if not reference or event.seconds < node.least_s:
        walk.follow("hangup" if walk.gone else "empty")
        return
    walk.put(node.into, reference)
    walk.follow("next")


def enter_set(walk: Walk, node: model.Set) -> None:
    try:
        for name, operand in node.values.items():
            walk.put(name, walk.value(operand))
    except ValueError:
        walk.rescue("bad_value")
        return
    if node.priority is not None:
        walk.priority = walk.values["priority"] = node.priority
    walk.follow("next")


def enter_branch(walk: Walk, node: model.Branch) -> None:
    for index, case in enumerate(node.cases):
        if all(_holds(walk, condition) for condition in case):
            walk.follow(f"case:{index}")
            return
    walk.follow("else")


def _holds(walk: Walk, condition: model.Condition) -> bool:
    if isinstance(condition, model.HoursTest):
        state = walk.engine.calendars[condition.name].state(walk.state.at)
        return state == condition.state or (condition.state == "closed" and state == "holiday")
    value = walk.value(condition.ref)
    wanted = [walk.value(v) for v in condition.values]
    if condition.op == "given":
        return bool(value) is bool(wanted[0])
    if condition.op in ("is", "in"):
        return value in wanted
    if condition.op == "not_in":
        return value not in wanted
    bound = wanted[0]
    if not isinstance(value, int) or not isinstance(bound, int):
        return False
    return value >= bound if condition.op == "at_least" else value < bound


def enter_goto(walk: Walk, node: model.Goto) -> None:
    walk.follow("next")


def enter_call(walk: Walk, node: model.Call) -> None:
    if node.flow not in walk.engine.flows or len(walk.stack) >= MAX_DEPTH:
        walk.rescue("too_deep")
        return
    walk.stack.append((walk.flow.name, walk.node_id))
    walk.goto(node.flow, walk.engine.flows[node.flow].start.target)


def enter_return(walk: Walk, node: model.Return) -> p.Command | None:
    if not walk.stack:
        return p.HangUp({})
    flow, node_id = walk.stack.pop()
    walk.goto(flow, node_id)
    walk.follow("next")
    return None


def enter_transfer(walk: Walk, node: model.TransferTo) -> p.Command:
    queue = walk.value(node.queue)
    agent = walk.value(node.agent)
    digits = agent if isinstance(agent, str) and agent.isdigit() and 2 <= len(agent) <= 6 else ""
    priority = walk.priority if node.priority is None else node.priority
    name = clean.reference(queue) if isinstance(queue, str) else ""
    return p.Transfer(name or walk.engine.fallback_queue, digits, priority, {})


def enter_hangup(walk: Walk, node: model.Hangup) -> p.Command:
    return p.HangUp({})


ENTER: Mapping[type[model.Node], Callable[[Any, Any], p.Command | None]] = {
    model.Say: enter_say,
    model.Menu: asking.enter_one_key,
    model.Survey: asking.enter_one_key,
    model.Digits: asking.enter_digits,
    model.Choose: asking.enter_choose,
    model.Lookup: enter_lookup,
    model.Callback: enter_lookup,
    model.Record: enter_record,
    model.Set: enter_set,
    model.Branch: enter_branch,
    model.Goto: enter_goto,
    model.Call: enter_call,
    model.Return: enter_return,
    model.TransferTo: enter_transfer,
    model.Hangup: enter_hangup,
}
RESUME: Mapping[type[model.Node], Callable[[Any, Any, Any], None]] = {
    model.Say: resume_say,
    model.Menu: asking.resume_input,
    model.Survey: asking.resume_input,
    model.Digits: asking.resume_input,
    model.Choose: asking.resume_input,
    model.Lookup: resume_lookup,
    model.Callback: resume_lookup,
    model.Record: resume_record,
}
