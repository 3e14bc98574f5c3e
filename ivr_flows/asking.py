"""Nodes that ask the caller for keys: what they ask, and how an entry is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr_flows import clean, model, parcel, say, values
from ivr_flows import protocol as p
from ivr_flows.lookups import Kind

if TYPE_CHECKING:
    from ivr_flows.walk import Walk

MAX_AHEAD = 8  # keys that are kept for the next question


def collect(
    walk: Walk,
    node: model.Input,
    sounds: tuple[p.Sound, ...],
    maximum: int,
    terminator: str = "",
    gap_s: float = 2.0,
) -> p.Command | None:
    """The command of an input node; keys pressed ahead count, keys of one-key nodes need no command."""
    if walk.gone:
        walk.follow("hangup")
        return None
    typed, walk.typed = walk.typed, ""
    if typed and maximum == 1:
        walk.typed = typed[1:]
        resume_input(walk, node, p.Entered(typed[0], "full"))
        return None
    return p.Collect(() if typed else sounds, maximum, terminator, node.wait_s, gap_s, node.barge_in, typed)


def enter_one_key(walk: Walk, node: model.Menu | model.Survey) -> p.Command | None:
    return collect(walk, node, _again(walk, node) + walk.sounds(node.parts), 1)


def enter_digits(walk: Walk, node: model.Digits) -> p.Command | None:
    # one more than allowed, so that a longer entry is noticed and the terminator never spills over
    maximum = node.most + 1 if node.terminator else node.most
    return collect(
        walk, node, _again(walk, node) + walk.sounds(node.parts), maximum, node.terminator, node.gap_s
    )


def enter_choose(walk: Walk, node: model.Choose) -> p.Command | None:
    rows = _rows(walk, node)
    if not rows and not walk.gone:
        walk.follow("invalid")
        return None
    spoken = say.Spoken(walk.state.at, walk.engine.zone)
    read: list[p.Sound] = list(_again(walk, node))
    for index, row in enumerate(rows, 1):
        read += (*parcel.FORMATS[node.row_how](row, spoken), p.Prompt(f"press_{index}"))
    return collect(walk, node, (*read, *walk.sounds(node.parts)), 1)


def _rows(walk: Walk, node: model.Choose) -> tuple[p.Row, ...]:
    found = walk.value(model.Ref(node.rows))
    return found[: values.MAX_ROWS] if isinstance(found, tuple) else ()


def _again(walk: Walk, node: model.Input) -> tuple[p.Sound, ...]:
    """What comes before the question when it is asked again."""
    failed = walk.tries.get(f"{walk.flow.name}.{node.id}", 0)
    if not failed:
        return ()
    return walk.sounds(node.on_silence if failed < 0 else node.on_invalid)


def resume_input(walk: Walk, node: model.Input, event: p.Entered) -> None:
    """Judge an entry: right, "0", silence or wrong."""
    digits = clean.keys(event.digits)
    if isinstance(node, model.Digits):
        digits = digits[: node.most + 1]
        swallowed = ""
        if event.how == "full":
            swallowed = "#"
    else:
        walk.typed = (digits[1:] + walk.typed)[:MAX_AHEAD]
        digits, swallowed = digits[:1], ""
    if digits == walk.swallow == "#" and not isinstance(node, model.Digits):
        walk.swallow = ""  # the terminator of an entry that was already complete: ask again, no fault
        return
    walk.swallow = swallowed
    if digits == "0" and not _takes_zero(node):
        walk.to_operator()
    elif not digits and event.how == "timeout":
        _failed(walk, node, "timeout")
    else:
        edge = _judge(walk, node, digits)
        if edge is None:
            _failed(walk, node, "invalid")
        else:
            walk.tries.pop(f"{walk.flow.name}.{node.id}", None)
            walk.follow(edge)


def _failed(walk: Walk, node: model.Input, edge: str) -> None:
    key = f"{walk.flow.name}.{node.id}"
    count = abs(walk.tries.get(key, 0)) + 1
    # the sign keeps which of the two it was last, so that the right words come before the question
    walk.tries[key] = -count if edge == "timeout" else count
    walk.typed = ""
    if count >= node.tries:
        walk.tries.pop(key)
        walk.follow(edge)


def _judge(walk: Walk, node: model.Input, digits: str) -> str | None:
    """The edge of an entry, or None for a wrong one; a right one is kept in its variable."""
    if f"key:{digits}" in node.edges:
        return f"key:{digits}"
    if isinstance(node, model.Menu) and digits in node.choices:
        try:
            walk.put(node.into, node.choices[digits])
        except ValueError:
            return None
        return "next"
    if isinstance(node, model.Digits):
        if not digits:
            return "empty" if "empty" in node.edges else None
        return "next" if _keep_digits(walk, node, digits) else None
    if isinstance(node, model.Survey) and digits.isdigit() and node.low <= int(digits) <= node.high:
        walk.values[node.into] = int(digits)
        return "next"
    if isinstance(node, model.Choose) and digits.isdigit():
        rows = _rows(walk, node)
        if 1 <= int(digits) <= len(rows):
            walk.values[node.into] = rows[int(digits) - 1]
            return "next"
    return None


def _keep_digits(walk: Walk, node: model.Digits, digits: str) -> bool:
    if not node.least <= len(digits) <= node.most:
        return False
    if node.scale:
        whole, _, part = digits.partition("*")
        if not (whole + part).isdigit() or len(part) > 3:
            return False
        amount = int(whole or "0") * node.scale + int((part or "0").ljust(3, "0")) * node.scale // 1000
        try:
            walk.put(node.into, amount)
        except ValueError:
            return False
        return True
    if not digits.isdigit():
        return False
    checked: str | None = digits
    if node.check:
        checked = walk.engine.checks[node.check](digits)
    if checked is None:
        return False
    try:
        walk.put(node.into, int(checked) if _is_int(walk, node.into) else checked)
    except ValueError:
        return False
    return True


def _is_int(walk: Walk, name: str) -> bool:
    variable = walk.variable(name)
    return variable is not None and variable.kind is Kind.INT


def _takes_zero(node: model.Input) -> bool:
    return "key:0" in node.edges or (isinstance(node, model.Menu) and "0" in node.choices)
