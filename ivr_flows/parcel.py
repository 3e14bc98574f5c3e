"""Where a parcel is, in plain words: never a raw status.

Sentences are made of recorded prompts: what happened, where, and what the caller may expect. Problem items
get "因…，预计…送达" (domain.md §6). What a site wrote as a remark is never read out: it is matched to one of
the reasons below, and a remark that says nothing (查询中, 待查 …) becomes "正在核实".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from cti.domain import delivery
from cti.domain.waybill import WaybillState, state_of
from ivr_flows import say
from ivr_flows.protocol import Prompt, Row, Sound
from ivr_flows.say import Spoken

Sounds = tuple[Sound, ...]

REASONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    # prompt id: (words as spoken, words of remarks that mean it); the first that fits wins
    "because_damage": ("包裹外包装破损", ("破损", "damage", "破")),
    "because_missing": ("快件未随车到达", ("未接到", "未到件", "少货", "not_received", "missing")),
    "because_outside": ("收件地址超出派送范围", ("超区", "超范围", "out_of_area")),
    "because_refused": ("收件人拒收", ("拒收", "refused")),
    "because_reschedule": ("收件人要求改期派送", ("改期", "改约", "改天", "reschedule")),
    "because_unreachable": (
        "收件电话无法接通",
        ("电话", "无法接通", "关机", "停机", "等联系", "unreachable"),
    ),
    "because_nobody": ("收件地址无人签收", ("无人", "不在", "放假", "nobody")),
    "because_address": ("收件地址不详", ("地址", "address")),
    "because_weather": ("天气原因", ("雨", "雪", "台风", "雾", "天气", "weather")),
    "because_vehicle": ("运输车辆故障", ("车坏", "扣车", "查车", "车辆", "vehicle")),
    "because_late": ("运输线路晚点", ("晚点", "线车", "堵", "late")),
    "because_volume": ("快件量较大", ("加班", "爆仓", "量大", "积压", "volume")),
}
"""Reasons of a problem item; ours where the sources give none."""

CHECKING = "because_checking"

_SIGNERS: Mapping[str, str] = {
    "本人": "signed_self",
    "家人": "signed_family",
    "同事": "signed_colleague",
    "前台": "signed_desk",
    "门卫": "signed_guard",
    "物业": "signed_guard",
    "代收点": "signed_station",
    "驿站": "signed_station",
    "快递柜": "signed_locker",
}


_COMING = frozenset(
    {
        WaybillState.COLLECTED,
        WaybillState.IN_TRANSIT,
        WaybillState.ARRIVED,
        WaybillState.DELIVERING,
        WaybillState.PROBLEM,
    }
)


def reason(row: Row) -> str:
    """The prompt of why a parcel is late, from the kind and the remark of its problem."""
    for text in (str(row.get("reason", "")), str(row.get("problem", ""))):
        for prompt, (words, marks) in REASONS.items():
            if text and (text == words or any(mark in text for mark in marks)):
                return prompt
    return CHECKING


def state(row: Row) -> WaybillState | None:
    """The state, of which an unknown word is none."""
    return state_of(str(row.get("state", "")))


def short(row: Row, spoken: Spoken) -> Sounds:
    """Enough to choose by: the last four digits, where to, and the state in two words."""
    number = str(row.get("number", ""))
    known = state(row)
    sounds: list[Sound] = [Prompt("parcel_tail"), *say.digits(number[-4:])]
    if destination := say.place(str(row.get("destination", ""))):
        sounds += (Prompt("parcel_to"), *destination)
    sounds.append(Prompt(f"state_{known.value}" if known else "state_unknown"))
    return tuple(sounds)


def full(row: Row, spoken: Spoken) -> Sounds:
    """What has happened, where it is, what comes next and when."""
    known = state(row)
    here = say.place(str(row.get("place", "")))
    there = say.place(str(row.get("destination", "")))
    updated = say.moment(str(row.get("updated_at", "")), spoken)
    due = _due(row, spoken)
    tail = (Prompt("your_parcel_tail"), *say.digits(str(row.get("number", ""))[-4:]))
    if known is WaybillState.SIGNED:
        signer = _SIGNERS.get(str(row.get("signer", "")))
        end = (Prompt(signer), Prompt("parcel_signed_by")) if signer else (Prompt("parcel_signed"),)
        return (*tail, *updated, *end)
    if known is WaybillState.PROBLEM:
        next_step: Sounds = due or (Prompt("parcel_followed_up"),)
        why = reason(row)
        if why == CHECKING:
            return (*tail, Prompt("parcel_delayed"), Prompt(CHECKING), *next_step)
        return (*tail, Prompt("parcel_because"), Prompt(why), Prompt("parcel_delayed"), *next_step)
    if known is WaybillState.IN_TRANSIT:
        return (*tail, *_on_the_way(updated, here, there), *due)
    if known is WaybillState.ARRIVED:
        return (*tail, *updated, Prompt("parcel_arrived"), *here, Prompt("parcel_station"), *due)
    if known is None:
        return (*tail, Prompt("parcel_checking"))
    if known is WaybillState.DELIVERING:
        return (*tail, Prompt("parcel_delivering"), *due, Prompt("parcel_phone"))
    return (*tail, *updated, Prompt(f"parcel_{known.value}"), *due)


def _on_the_way(updated: Sounds, here: Sounds, there: Sounds) -> Sounds:
    if not there:
        return (Prompt("parcel_moving"),)
    if not here or here == there:
        return (Prompt("parcel_towards"), *there)
    return (*updated, Prompt("parcel_left"), *here, Prompt("parcel_on_way"), *there)


def _due(row: Row, spoken: Spoken) -> Sounds:
    known = state(row)
    at = due_at(row, spoken)
    if at is None:
        return ()
    # a promise that has run out is not repeated to the caller
    if at <= spoken.at:
        return (Prompt("parcel_overdue"),) if known in (WaybillState.ARRIVED, WaybillState.DELIVERING) else ()
    return (Prompt("parcel_due"), *say.moment(at.isoformat(), spoken), Prompt("parcel_before"))


def due_at(row: Row, spoken: Spoken) -> datetime | None:
    """What was promised, else what the delivery clock gives at the last site; None: nothing can be said."""
    known = state(row)
    if known not in _COMING:
        return None
    if promised := _time(row, "due_at"):
        return promised
    arrived = _time(row, "updated_at")
    if known in (WaybillState.ARRIVED, WaybillState.DELIVERING) and arrived is not None:
        local = arrived.astimezone(spoken.zone)
        return delivery.due_at(local, same_day=bool(row.get("same_day", False)))
    return None


def _time(row: Row, name: str) -> datetime | None:
    text = str(row.get(name, ""))
    return datetime.fromisoformat(text) if text else None


FORMATS: Mapping[str, Callable[[Row, Spoken], Sounds]] = {"parcel": full, "parcel_short": short}
"""Formats of a spoken part that read a whole row."""
