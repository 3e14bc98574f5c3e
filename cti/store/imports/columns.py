"""Which column means what: Chinese names of domain.md §1 with their usual variants, as one table per kind."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cti.errors import UsageError

# field → names; the first is the one that the samples and the help use
CUSTOMERS: dict[str, tuple[str, ...]] = {
    "code": ("编号", "客户编号", "客户代码", "客户号"),
    "kind": ("类型", "客户类型", "客户类别", "客户性质"),
    "name": ("客户名称", "名称", "姓名", "客户姓名", "公司名称", "单位名称"),
    "title": ("称谓", "称呼", "性别"),
    "company": ("工作单位", "所在单位", "单位"),
    "address": ("地址", "联系地址", "通讯地址"),
    "phone": ("电话", "联系电话", "办公电话", "公司电话"),
    "fixed": ("固定电话", "座机", "住宅电话"),
    "mobile": ("移动电话", "手机", "手机号", "手机号码"),
    "business": ("主营业务", "主营", "经营范围"),
    "contact": ("联系人", "联系人姓名"),
    "contact_phone": ("联系人电话", "联系人手机"),
    "contact_age": ("联系人年龄", "年龄"),
    "contact_hobbies": ("联系人爱好",),
    "contact_role": ("联系人职务", "职务"),
    "contact_title": ("联系人称谓",),
    "birthday": ("出生年月", "出生日期", "生日"),
    "occupation": ("从事职业", "职业"),
    "hobbies": ("爱好",),
    "note": ("备注",),
    "cargo": ("主要货物品类", "货物品类"),
    "transport_volume": ("运输量",),
    "routes": ("路线偏好",),
    "timeliness": ("时效要求",),
    "special_handling": ("特殊操作需求", "特殊操作"),
    "delivery_preference": ("包装/送达时间偏好", "包装偏好", "送达时间偏好"),
    "industry": ("行业", "所属行业", "行业分类"),
    "services": ("业务种类", "业务类型", "使用业务"),
    "county": ("区县", "县", "所属区县", "县市"),
    "cooperation_years": ("合作年限",),
    "spend_fen": ("消费金额", "累计消费金额"),
    "payment": ("付款情况",),
    "arrears_fen": ("欠款", "欠款金额"),
    "satisfaction": ("满意度",),
    "points": ("积分",),
    "last_order_at": ("最近下单时间", "最近下单"),
    "representative": ("专属客服", "专属代表", "专属客服工号"),
    "green_channel": ("绿色通道",),
    "monthly_revenue": ("月贡献", "月消费金额", "月均贡献", "月均消费金额"),
    "annual_revenue": ("年收入", "年用邮资费", "年消费金额", "年贡献"),
    "orders_per_year": ("年订单数", "年订单", "年订单量"),
    "daily_pieces_3m": ("近三月日均件数", "日均件数", "近三月日均"),
    "county_rank": ("县内排名", "县内收入排名"),
    "is_contract": ("合同客户", "是否合同客户"),
    "flags": ("标记", "客户标记"),
    "monthly_volume": ("月发件量",),
    "volume_cv": ("发件量变异系数", "变异系数"),
    "regions": ("业务地市数", "业务地市"),
}
WAYBILLS: dict[str, tuple[str, ...]] = {
    "number": ("运单号", "运单编号", "快递单号", "单号"),
    "sender_code": ("寄件客户编号", "客户编号"),
    "sender_name": ("寄件人", "寄件人姓名", "发件人"),
    "sender_phone": ("寄件人电话", "寄件电话", "发件人电话", "寄件人手机"),
    "receiver_code": ("收件客户编号",),
    "receiver_name": ("收件人", "收件人姓名"),
    "receiver_phone": ("收件人电话", "收件电话", "收件人手机"),
    "receiver_address": ("收件地址", "收件人地址"),
    "origin": ("始发地", "寄件地", "出发地"),
    "destination": ("目的地", "收件地", "到达地"),
    "goods": ("品名", "内件品名", "货物"),
    "pieces": ("件数",),
    "weight_kg": ("重量", "重量kg"),
    "freight_fen": ("运费",),
    "cod_fen": ("代收货款",),
    "state": ("状态", "运单状态"),
    "accepted_at": ("收件时间", "揽收时间", "寄件时间", "下单时间"),
    "promised_at": ("承诺送达时间", "预计送达时间", "承诺送达", "预计送达"),
    "delivered_at": ("签收时间",),
    "signed_by": ("签收人",),
    "site": ("派送网点", "网点"),
    "courier": ("派送员", "快递员"),
    "problem": ("问题描述", "问题", "问题件"),
    "problem_kind": ("问题类型",),
    "event_at": ("事件时间", "扫描时间", "操作时间"),
    "event_state": ("事件", "扫描类型", "操作类型"),
    "event_place": ("事件地点", "扫描网点", "地点"),
    "event_operator": ("操作人", "操作员"),
    "event_text": ("事件描述", "轨迹", "描述"),
}
ORDERS: dict[str, tuple[str, ...]] = {
    "number": ("订单号", "订单编号"),
    "code": ("客户编号", "编号", "客户代码", "客户号"),
    "at": ("下单时间", "订单时间", "下单日期", "日期"),
    "pieces": ("件数", "订单件数"),
    "amount_fen": ("金额", "订单金额", "运费"),
    "paid_fen": ("已付金额", "实付金额", "已付"),
    "waybill": ("运单号",),
    "state": ("状态", "订单状态"),
    "region": ("业务地市", "寄件地市", "地市"),
}
PAYMENTS: dict[str, tuple[str, ...]] = {
    "number": ("流水号", "付款编号", "收款编号", "收款单号"),
    "code": ("客户编号", "编号", "客户代码", "客户号"),
    "at": ("付款时间", "收款时间", "付款日期", "收款日期", "日期"),
    "amount_fen": ("金额", "付款金额", "收款金额"),
    "order_number": ("订单号", "订单编号"),
    "method": ("付款方式", "收款方式"),
}
TABLES: dict[str, Mapping[str, tuple[str, ...]]] = {
    "customers": CUSTOMERS,
    "waybills": WAYBILLS,
    "orders": ORDERS,
    "payments": PAYMENTS,
}
MUST: dict[str, tuple[str, ...]] = {
    "customers": ("code", "name"),
    "waybills": ("number",),
    "orders": ("number", "code", "at"),
    "payments": ("number", "code", "at", "amount_fen"),
}

# these may stand several times in one file, and may be numbered (联系人2, 移动电话1)
_MANY = frozenset({"phone", "fixed", "mobile", "contact", "contact_phone", "contact_age"}) | frozenset(
    {"contact_hobbies", "contact_role", "contact_title", "delivery_preference"}
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: where it is, what it means, its name there, its number (联系人2) and unit."""

    index: int
    field: str
    header: str
    serial: int = 1
    factor: int = 1  # 10000 under a header in 万元


@dataclass(frozen=True, slots=True)
class Header:
    """The understood header, and the columns that mean nothing to us."""

    columns: tuple[Column, ...]
    unknown: tuple[str, ...]

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(c.field for c in self.columns)


def understand(kind: str, cells: Sequence[str]) -> Header:
    """Read a header row; UsageError naming what is missing or stands twice."""
    names = {_fold(name): field for field, known in TABLES[kind].items() for name in known}
    columns: list[Column] = []
    unknown: list[str] = []
    for index, cell in enumerate(cells):
        if not cell:
            continue
        base, serial, factor = _parts(cell)
        field = names.get(_fold(cell)) or names.get(base)
        if field is None:
            unknown.append(cell)
            continue
        twice = any(c.field == field and c.serial == serial for c in columns)
        if twice and field not in _MANY:
            raise UsageError(f"the column {TABLES[kind][field][0]} stands twice ({cell})")
        if twice and field.startswith("contact"):
            serial = 1 + max(c.serial for c in columns if c.field == field)
        columns.append(Column(index, field, cell, serial, factor))
    header = Header(tuple(columns), tuple(unknown))
    missing = [TABLES[kind][field][0] for field in MUST[kind] if field not in header.fields]
    if missing:
        raise UsageError(
            f"the header lacks {'、'.join(missing)}; it has {'、'.join(c for c in cells if c)[:200]}"
            f" (laidian import {kind} --columns lists what is understood)"
        )
    return header


def _fold(name: str) -> str:
    return re.sub(r"[\s_*]", "", unicodedata.normalize("NFKC", name)).lower()


def _parts(cell: str) -> tuple[str, int, int]:
    """Name, number and unit of a header: 联系人2电话 → 联系人电话, 2; 月贡献（万元） → 月贡献, 10000."""
    folded = _fold(cell)
    unit = re.search(r"\(([^)]*)\)", folded)
    name = re.sub(r"\([^)]*\)", "", folded)
    serial = re.search(r"\d+", name)
    base = re.sub(r"\d+", "", name)
    return base, int(serial[0]) if serial else 1, 10_000 if unit and unit[1].startswith("万") else 1
