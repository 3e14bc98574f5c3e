"""Every recorded unit that `say` and `parcel` put sentences together from: prompt id → words.

These must be in the manifest of prompts whatever the flows say (`prompts.check` holds both together). Ids are
stable: a recording of the owner's own is found by them.
"""

from __future__ import annotations

from functools import cache

from cti.domain.waybill import WaybillState
from ivr_flows import parcel, places, say

_DIGITS = "零幺二三四五六七八九"
_JOINTS = {
    "n_liang": "两",
    "u_bai": "百",
    "u_qian": "千",
    "u_wan": "万",
    "u_yi": "亿",
    "u_dian": "点",
    "u_fu": "负",
    "u_nian": "年",
    "unit_jiao": "角",
    "unit_fen": "分",
    "t_qiantian": "前天",
    "t_zuotian": "昨天",
    "t_jintian": "今天",
    "t_mingtian": "明天",
    "t_houtian": "后天",
    "t_lingchen": "凌晨",
    "t_zaoshang": "早上",
    "t_shangwu": "上午",
    "t_zhongwu": "中午",
    "t_xiawu": "下午",
    "t_wanshang": "晚上",
    "t_ban": "半",
    "t_fen": "分",
    "wait_short": "不到一分钟",
    "wait_about": "大约",
    "wait_long": "超过一小时",
}
_PARCEL = {
    "parcel_tail": "尾号",
    "your_parcel_tail": "您的快件，尾号",
    "parcel_to": "寄往",
    "parcel_because": "因",
    "parcel_delayed": "派送受到影响，非常抱歉。",
    "parcel_followed_up": "我们正在跟进处理，会尽快为您送达。",
    "parcel_left": "已从",
    "parcel_on_way": "发出，正在运往",
    "parcel_towards": "正在运往",
    "parcel_moving": "正在运输途中。",
    "parcel_arrived": "已到达",
    "parcel_station": "派送网点，即将安排派送。",
    "parcel_checking": "的最新情况正在核实，请稍后再查，或者转人工咨询。",
    "parcel_due": "预计",
    "parcel_before": "之前送达。",
    "parcel_overdue": "派送时间有所延后，我们正在尽快为您送达。",
    "parcel_signed": "已经签收，感谢您的使用。",
    "parcel_signed_by": "签收，感谢您的使用。",
    "parcel_ordered": "已经下单，快递员会尽快上门取件。",
    "parcel_collected": "已经由快递员收取，正在发往下一站。",
    "parcel_delivering": "正在派送途中。",
    "parcel_phone": "请保持电话畅通。",
    "parcel_at_pickup": "已经送到代收点，请您凭取件码领取。",
    "parcel_returning": "正在退回寄件人的途中。",
    "parcel_returned": "已经退回寄件人。",
    "parcel_cancelled": "的订单已经取消。",
    "parcel_lost": "非常抱歉，我们正在全力查找，客服代表会主动与您联系。",
    parcel.CHECKING: "具体原因正在核实。",
    "signed_self": "由本人",
    "signed_family": "由家人",
    "signed_colleague": "由同事",
    "signed_desk": "由前台",
    "signed_guard": "由门卫或物业",
    "signed_station": "由代收点",
    "signed_locker": "由快递柜",
    "state_unknown": "正在核实",
}
_STATES = {
    WaybillState.ORDERED: "等待取件",
    WaybillState.COLLECTED: "已经收件",
    WaybillState.IN_TRANSIT: "正在运输",
    WaybillState.ARRIVED: "已到网点",
    WaybillState.DELIVERING: "正在派送",
    WaybillState.AT_PICKUP: "等待自取",
    WaybillState.PROBLEM: "派送受到影响",
    WaybillState.RETURNING: "正在退回",
    WaybillState.SIGNED: "已经签收",
    WaybillState.RETURNED: "已经退回",
    WaybillState.CANCELLED: "已经取消",
    WaybillState.LOST: "正在查找",
}


@cache
def words() -> dict[str, str]:
    """All units: id → the words that are spoken."""
    table = {f"d_{n}": word for n, word in enumerate(_DIGITS)}
    table |= {f"n_{n}": say.numeral(n) for n in range(100)}
    table |= {f"m_{n}": f"{say.numeral(n)}月" for n in range(1, 13)}
    table |= {f"day_{n}": f"{say.numeral(n)}号" for n in range(1, 32)}
    table |= {f"h_{n}": f"{say.counted(n)}点" for n in range(13)}
    table |= {f"unit_{name}": word for name, word in say.UNITS.items()}
    table |= {f"press_{n}": f"请按{say.numeral(n)}。" for n in range(1, 10)}
    table |= _JOINTS | _PARCEL
    table |= {f"state_{state.value}": word for state, word in _STATES.items()}
    table |= {prompt: spoken for prompt, (spoken, _) in parcel.REASONS.items()}
    table |= {place.id: place.name for place in places.all_places()}
    return table
