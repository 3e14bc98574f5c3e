"""What an agent reads of a command: one sentence for each outcome."""

from __future__ import annotations

from collections.abc import Mapping

from cti.ami.moves import Command
from cti.ami.situation import Situation

NAMES: Mapping[Command, str] = {
    Command.HOLD: "保持",
    Command.RESUME: "取回",
    Command.BLIND: "转接",
    Command.CONSULT: "咨询",
    Command.COMPLETE: "完成转接",
    Command.CANCEL: "取消咨询",
    Command.SWAP: "切换",
    Command.THREE: "三方通话",
    Command.LEAVE: "退出三方",
    Command.DROP: "请出第三方",
    Command.IVR: "转自助语音",
    Command.REJOIN: "重新接入",
    Command.HANGUP: "挂机",
}
SITUATIONS: Mapping[Situation, str] = {
    Situation.OVER: "通话已经结束",
    Situation.RINGING: "还在振铃",
    Situation.TALKING: "正在通话",
    Situation.HELD: "客户在保持中",
    Situation.RECALL: "客户保持过久，请取回",
    Situation.PHONE_HELD: "客户由话机保持，请在话机上取回",
    Situation.IVR: "客户在自助语音中",
    Situation.ASKING: "正在呼叫咨询对象",
    Situation.CONSULTING: "正在咨询",
    Situation.ASIDE: "正与客户通话，咨询对象等待中",
    Situation.THREE: "正在三方通话",
    Situation.ASKED: "正在被咨询",
    Situation.LOST: "话机已断开，客户在等待",
}
FAULTS: Mapping[str, str] = {
    "": "",
    "busy": "上一条指令还在执行，请稍候。",
    "not_now": "现在不能执行。",
    "id_reused": "指令编号已用于另一条指令。",
    "no_such_agent": "没有这个座席，请从列表中选择。",
    "own_number": "不能转给自己。",
    "no_such_queue": "没有这个队列，请从列表中选择。",
    "number_not_allowed": "不允许转到这个号码。",
    "no_target": "请选择转接对象。",
    "no_self_service": "没有启用自助语音。",
    "no_such_flow": "没有这个自助语音。",
    "pbx_away": "与交换机断开，指令没有发出，恢复后请重试。",
    "pbx_refused": "交换机没有执行，可能对方已经挂机。",
    "lost": "与交换机的连接中断，指令没有生效。",
    "no_effect": "指令在规定时间内没有生效。",
    "restarted": "服务曾重启，指令没有生效。",
    "target_failed": "对方没有接听，客户已回到本机。",
    "not_kept": "指令暂时不能记录，没有发出，请重试。",
}


def refusal(command: Command, situation: Situation) -> str:
    """Why a command is not possible now."""
    return f"{SITUATIONS[situation]}，不能{NAMES[command]}。"


def outcome(command: Command, state: str, code: str, situation: Situation | None = None) -> str:
    """The sentence for a command as it stands."""
    if state == "done":
        return f"{NAMES[command]}：已完成。"
    if state == "pending":
        return f"{NAMES[command]}：执行中……"
    if code == "not_now" and situation is not None:
        return refusal(command, situation)
    return FAULTS.get(code, FAULTS["no_effect"])
