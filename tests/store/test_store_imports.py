"""Imports: Chinese columns, both encodings and XLSX, bad rows told by line, nothing half-imported."""

from __future__ import annotations

import csv
import json
import multiprocessing
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cti.__main__ import main
from cti.domain.phone import DEFAULT_PLAN
from cti.errors import UsageError
from cti.schemes import load_scheme
from cti.store import samples
from cti.store.db import Database
from cti.store.imports import Options, Report, import_file
from cti.store.tables import (
    audit,
    axb_bindings,
    customer_contacts,
    customers,
    imports,
    numbers,
    tier_history,
    waybill_events,
    waybills,
)

NOW = datetime(2025, 3, 13, 8, 0, tzinfo=UTC)
SAMPLES = Path(samples.__file__).parent
HEAD = "编号,类型,客户名称,电话,移动电话,备注"

Load = Callable[..., Report]


@pytest.fixture
def load(database: Database, tmp_path: Path) -> Load:
    """Import a text or file into the store."""

    def run(kind: str, content: str | bytes | Path, **options: Any) -> Report:
        file = content if isinstance(content, Path) else tmp_path / "file.csv"
        if isinstance(content, str):
            file.write_text(content, encoding="utf-8")
        elif isinstance(content, bytes):
            file.write_bytes(content)
        chosen = {"now": NOW, "plan": DEFAULT_PLAN, "scheme": load_scheme("sf"), **options}
        return import_file(database, kind, file, Options(**chosen))

    return run


def _rows(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    with database.begin(write=False) as conn:
        return [dict(r) for r in conn.execute(sa.select(table).order_by(table.c.id)).mappings()]


def _everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    tables = (customers, customer_contacts, numbers, tier_history, waybills, waybill_events)
    return {table.name: _rows(database, table) for table in tables}


def test_sample_files(load: Load, database: Database) -> None:
    """domain.md §1: company, person — the shipped samples import without a fault and show
    every column family of domain.md §1."""
    first = load("customers", SAMPLES / "customers.csv")
    second = load("waybills", SAMPLES / "waybills.csv")
    assert (first.created, first.bad, first.warnings) == (5, 0, [])
    assert (second.created, second.bad, second.warnings) == (2, 0, [])
    found = {row["code"]: row for row in _rows(database, customers)}
    firm, person = found["HC-0001"], found["HC-0003"]
    assert (firm["kind"], firm["business"], firm["tier_label"]) == ("company", "电子元件", "项目客户")
    assert (firm["green_channel"], firm["tier_reason"]) == (True, "月贡献 128,000 元 ≥ 100,000")
    assert (person["kind"], person["birthday"], person["occupation"]) == (
        "person",
        date(1985, 3, 12),
        "教师",
    )
    assert found["HC-0002"]["arrears_fen"] == 38050
    assert (found["HC-0004"]["birthday"], found["HC-0004"]["birthday_month_only"]) == (date(1992, 7, 1), True)
    assert {c["name"]: (c["age"], c["hobbies"]) for c in _rows(database, customer_contacts)} == {
        "王小明": (35, "钓鱼"),
        "李静": (29, "羽毛球"),
        "陈芳": (41, "旅行"),
    }
    keys = {n["key"]: (n["customer_id"], n["extension"]) for n in _rows(database, numbers)}
    assert keys["fixed:0755-86013389"] == (firm["id"], "")
    assert keys["fixed:020-34012233"] == (found["HC-0002"]["id"], "8001")
    parcels = {w["number"]: w for w in _rows(database, waybills)}
    parcel = parcels["HC100000000001"]
    assert (parcel["state"], parcel["weight_g"], parcel["freight_fen"]) == ("delivering", 3500, 4600)
    assert (parcel["sender_customer_id"], parcel["receiver_customer_id"]) == (firm["id"], person["id"])
    assert parcel["accepted_at"] == datetime(2025, 3, 10, 1, 20, tzinfo=UTC)
    assert parcel["last_event"] == "北京海淀网点 正在派送"
    assert parcels["HC100000000002"]["problem"].startswith("收件地址超区")
    assert len(_rows(database, waybill_events)) == 5


@pytest.mark.parametrize("kind", ["customers", "waybills"])
def test_second_import_of_the_same_file_changes_nothing(load: Load, database: Database, kind: str) -> None:
    """The same file again is recognised, and even when forced every row is found unchanged."""
    load("customers", SAMPLES / "customers.csv")
    load(kind, SAMPLES / f"{kind}.csv")
    before = _everything(database)
    again = load(kind, SAMPLES / f"{kind}.csv", now=NOW + timedelta(days=1))
    assert (again.written, again.already) == (False, NOW)
    forced = load(kind, SAMPLES / f"{kind}.csv", now=NOW + timedelta(days=2), again=True)
    assert (forced.created, forced.changed) == (0, 0)
    assert forced.unchanged == forced.rows
    assert _everything(database) == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_encodings_are_found_out(load: Load, database: Database, encoding: str) -> None:
    """UTF-8 with and without mark, GBK, GB18030 and UTF-16 are told apart."""
    content = f"{HEAD}\nA1,个人,王小明，先生,0755-86013388,13800138000,易碎\n".replace("，", "")
    report = load("customers", content.encode(encoding))
    assert report.created == 1
    assert [c["name"] for c in _rows(database, customers)] == ["王小明先生"]


def test_rare_characters_of_gb18030(load: Load, database: Database) -> None:
    """Names outside of GBK survive."""
    load("customers", f"{HEAD}\nA1,个人,𠮷田䶮,,13800138000,\n".encode("gb18030"))
    assert [c["name"] for c in _rows(database, customers)] == ["𠮷田䶮"]


def test_encoding_can_be_said(load: Load) -> None:
    """A given encoding is used, or refused in one sentence if the file is not written so."""
    content = f"{HEAD}\nA1,个人,王小明,,13800138000,\n".encode("gbk")
    with pytest.raises(UsageError, match="not utf-8"):
        load("customers", content, encoding="utf-8")
    with pytest.raises(UsageError, match="unknown encoding"):
        load("customers", content, encoding="klingon")
    assert load("customers", content, encoding="gbk").created == 1


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_delimiters(load: Load, delimiter: str) -> None:
    """Comma, tab and semicolon are told apart by the header."""
    content = f"{HEAD}\nA1,个人,王小明,,13800138000,\n".replace(",", delimiter)
    assert load("customers", content).created == 1


def test_xlsx(load: Load, database: Database, tmp_path: Path) -> None:
    """A workbook with numbers and dates as such gives the same as text."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["编号", "客户名称", "移动电话", "出生年月", "月贡献", "合同客户"])
    sheet.append([1001, "王小明", 13800138000, date(1985, 3, 12), 2300.5, True])
    sheet.append([])
    sheet.append(["1002", "李静", "13900139000", "1990-05", "1.2万", "否"])
    file = tmp_path / "客户.xlsx"
    book.save(file)
    report = load("customers", file)
    assert (report.encoding, report.created, report.bad) == ("xlsx", 2, 0)
    one, two = _rows(database, customers)
    assert (one["code"], one["birthday"], one["metrics"]) == (
        "1001",
        date(1985, 3, 12),
        {"monthly_revenue": 2300.5, "is_contract": True},
    )
    assert (two["birthday_month_only"], two["tier_label"]) == (True, "VIP客户")
    assert [n["key"] for n in _rows(database, numbers)] == ["mobile:13800138000", "mobile:13900139000"]


def test_xlsx_number_that_excel_has_rounded(load: Load, tmp_path: Path) -> None:
    """A waybill number of 16 and more digits kept as a number is refused: its end is no longer true."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["运单号", "状态"])
    sheet.append([7512345678901234, "已签收"])
    file = tmp_path / "w.xlsx"
    book.save(file)
    (fault,) = load("waybills", file).faults
    assert (fault.line, fault.column) == (2, "运单号")
    assert "丢失精度" in fault.reason


@pytest.mark.parametrize("content", [b"PK\x03\x04garbage", b"PK\x03\x04" + b"\x00" * 5000])
def test_broken_workbook(load: Load, content: bytes) -> None:
    """A file that only looks like a workbook is refused in one sentence."""
    with pytest.raises(UsageError, match="not a readable workbook"):
        load("customers", content)


def test_old_excel(load: Load) -> None:
    """The old .xls is named as what it is."""
    with pytest.raises(UsageError, match=r"save it as \.xlsx"):
        load("customers", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")


BAD = f"""{HEAD},月贡献,出生年月
A1,个人,王小明,,13800138000,,100,
,个人,无编号,,13800138001,,,
A3,个人,,,13800138002,,,
A4,外星人,李静,,13800138003,,,
A5,个人,陈芳,123456,,,,
A6,个人,赵强,,138****8000,,,
A7,个人,周晓,,13800138004,,很多,1985-02-30
A1,个人,别人,,13800138005,,,
"""


def test_bad_rows_are_told_by_line_and_column_and_nothing_is_written(load: Load, database: Database) -> None:
    """Every bad row has line, column and reason; the good ones wait with them."""
    report = load("customers", BAD)
    told = {(f.line, f.column) for f in report.faults}
    assert told == {
        (3, "编号"),
        (4, "客户名称"),
        (5, "类型"),
        (6, "电话"),
        (7, "移动电话"),
        (8, "月贡献"),
        (8, "出生年月"),
        (9, "编号"),
    }
    assert all(f.reason for f in report.faults)
    assert (report.bad, report.written) == (7, False)
    assert _rows(database, customers) == []
    assert _rows(database, imports) == []


def test_good_rows_only_when_asked(load: Load, database: Database) -> None:
    """With skip-bad the good rows are written and the bad ones still told."""
    report = load("customers", BAD, skip_bad=True)
    assert (report.written, report.created, report.bad) == (True, 1, 7)
    assert [c["code"] for c in _rows(database, customers)] == ["A1"]


def test_dry_run_writes_nothing(load: Load, database: Database) -> None:
    """A dry run tells what it would read, and leaves the store alone."""
    report = load("customers", SAMPLES / "customers.csv", dry_run=True)
    assert (report.rows, report.written) == (5, False)
    assert _rows(database, customers) == []


def test_line_numbers_count_lines_inside_of_cells(load: Load) -> None:
    """A cell with line breaks does not shift the lines of the rows behind it."""
    content = f'{HEAD}\nA1,个人,王小明,,13800138000,"一\n二\n三"\nA2,个人,李静,,坏,\n'
    (fault,) = load("customers", content).faults
    assert fault.line == 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("姓名,电话\n王,1", "lacks 编号"),
        ("编号,客户名称,编号\n1,a,2", "stands twice"),
        ("编号,客户名称,客户号\n1,a,2", "stands twice"),
    ],
)
def test_wrong_headers(load: Load, content: str, said: str) -> None:
    """A header that cannot work is refused in one sentence."""
    with pytest.raises(UsageError, match=said):
        load("customers", content)


def test_unknown_columns_are_told(load: Load) -> None:
    """A column that means nothing is named, not silently dropped."""
    report = load("customers", "编号,客户名称,星座\nA1,王小明,双鱼\n")
    assert report.created == 1
    assert "星座" in report.warnings[0]


def test_shifted_row_is_refused(load: Load) -> None:
    """A row with more cells than the header has columns is told instead of being misread."""
    (fault,) = load("customers", "编号,客户名称,备注\nA1,王小明,深圳,南山\n").faults
    assert "多出" in fault.reason


def test_several_numbers_and_contact_persons(load: Load, database: Database) -> None:
    """Numbers parted by ；、/ and 联系人 in numbered columns or in one cell all arrive."""
    content = (
        "编号,客户名称,电话,联系人1,联系人1电话,联系人1年龄,联系人2,联系人2电话,联系人2爱好\n"
        "A1,蓝桥公司,0755-86013388；0755-86013389/13800138000,王小明,13800138001,35,李静,13800138002,钓鱼\n"
    )
    load("customers", content)
    load("customers", "编号,客户名称,联系人\nA2,青禾公司,陈芳 13900139000；赵强（13900139001）；周晓；李2\n")
    people = {c["name"]: (c["age"], c["hobbies"]) for c in _rows(database, customer_contacts)}
    assert people == {
        "王小明": (35, ""),
        "李静": (None, "钓鱼"),
        "陈芳": (None, ""),
        "赵强": (None, ""),
        "周晓": (None, ""),
        "李2": (None, ""),
    }
    found = {n["key"]: n["label"] for n in _rows(database, numbers)}
    assert found["mobile:13800138000"] == "电话"
    assert {k for k, label in found.items() if label == "联系人"} == {
        "mobile:13800138001",
        "mobile:13800138002",
        "mobile:13900139000",
        "mobile:13900139001",
    }


def test_rows_with_one_code_are_one_customer(load: Load, database: Database) -> None:
    """Neighbouring rows add 联系人; a contradiction between them, or a later repetition, is a fault."""
    head = "编号,客户名称,联系人,联系人电话\n"
    load("customers", head + "A1,蓝桥公司,王小明,13800138001\nA1,蓝桥公司,李静,13800138002\n")
    assert len(_rows(database, customer_contacts)) == 2
    (fault,) = load("customers", head + "A2,青禾公司,陈芳,\nA2,别的公司,赵强,\n").faults
    assert "不一致" in fault.reason


@pytest.mark.parametrize(
    ("cell", "fen"),
    [("1234.5", 123450), ("￥1,234.50", 123450), ("1,234.50元", 123450), ("1.2万", 1200000), ("-5", -500)],
)
def test_money(load: Load, database: Database, cell: str, fen: int) -> None:
    """Money is read as people write it and kept in 分."""
    load("customers", f'编号,客户名称,欠款\nA1,王小明,"{cell}"\n')
    assert _rows(database, customers)[0]["arrears_fen"] == fen


def test_money_in_ten_thousands_by_header(load: Load, database: Database) -> None:
    """A header in 万元 multiplies; less than a 分 is a fault."""
    load("customers", "编号,客户名称,消费金额（万元）,月贡献（万元）\nA1,王小明,1.5,12\n")
    (row,) = _rows(database, customers)
    assert (row["spend_fen"], row["tier_label"]) == (1_500_000, "项目客户")
    (fault,) = load("customers", "编号,客户名称,欠款\nA2,李静,1.005\n").faults
    assert fault.column == "欠款"


def test_short_landline_of_the_source_is_kept_for_reading(load: Load, database: Database) -> None:
    """domain.md §1: landline — ``0335-6666`` (XJ §3) is no number that could be matched: kept on the
    customer, with a warning."""
    report = load("customers", "编号,客户名称,电话\nA1,秦皇岛公司,0335-6666\n")
    assert (report.created, len(report.warnings)) == (1, 1)
    assert _rows(database, numbers) == []
    assert _rows(database, customers)[0]["preferences"] == {"其它电话": "0335-6666"}


def test_virtual_number_is_never_saved_as_a_customers(load: Load, database: Database) -> None:
    """A number of the binding table is left out and told."""
    with database.begin() as conn:
        conn.execute(sa.insert(axb_bindings).values(virtual_key="mobile:17012345678", valid_from=NOW))
    report = load("customers", "编号,客户名称,移动电话\nA1,王小明,17012345678；13800138000\n")
    assert "虚拟号" in report.warnings[0]
    assert [n["key"] for n in _rows(database, numbers)] == ["mobile:13800138000"]


def test_later_file_changes_only_what_it_says(load: Load, database: Database) -> None:
    """Blank cells and missing columns leave what is stored; a changed cell counts as one edit."""
    load("customers", "编号,客户名称,地址,备注,月贡献\nA1,王小明,深圳,易碎,500\n")
    report = load(
        "customers", "编号,客户名称,地址,备注,月贡献\nA1,王小明,,轻放,12000\n", now=NOW + timedelta(1)
    )
    (row,) = _rows(database, customers)
    assert (report.changed, row["address"], row["note"], row["version"]) == (1, "深圳", "轻放", 2)
    assert [(h["label"], h["reason"]) for h in _rows(database, tier_history)] == [
        ("普通客户", "月贡献 500 元 ≥ 300 且 < 2,000"),
        ("VIP客户", "月贡献 12,000 元 ≥ 10,000 且 < 100,000"),
    ]


def test_cells_that_look_like_code_are_just_text(load: Load, database: Database) -> None:
    """SQL, markup and formulas in cells are stored as they are and do nothing."""
    nasty = ["'; DROP TABLE customers; --", "<script>alert(1)</script>", "=1+1", "%s%(x)s:now", "{{7*7}}"]
    rows = "".join(f'A{i},个人,"{text}",,,"{text}"\n' for i, text in enumerate(nasty))
    assert load("customers", f"{HEAD}\n{rows}").created == len(nasty)
    assert [c["name"] for c in _rows(database, customers)] == nasty


@pytest.mark.parametrize("text", ["a\x00b", "a\x07b", "\x1b[31mred"])
def test_control_characters_are_refused(load: Load, text: str) -> None:
    """Control characters, which could trick a terminal or a log, make the row bad."""
    (fault,) = load("customers", f"编号,客户名称\nA1,{text}\n").faults
    assert "控制字符" in fault.reason


def test_overlong_cell(load: Load) -> None:
    """A cell of 5,000 characters is refused by name; one beyond what CSV can hold refuses the file."""
    (fault,) = load("customers", f"编号,客户名称,备注\nA1,王,{'长' * 5000}\n").faults
    assert (fault.line, fault.column) == (2, "备注")
    with pytest.raises(UsageError, match="line 2"):
        load("customers", f"编号,客户名称,备注\nA1,王,{'长' * 200_000}\n")


def test_waybill_events_arrive_in_any_order(load: Load, database: Database) -> None:
    """The latest event decides the state, also when a later file brings older news."""
    head = "运单号,事件时间,事件,事件地点\n"
    new = "HC100000000001,2025-03-12 09:00,签收,北京\nHC100000000001,2025-03-12 08:00,派送中,北京\n"
    load("waybills", head + new)
    load("waybills", head + "HC100000000001,2025-03-10 08:00,已收件,深圳\n")
    (row,) = _rows(database, waybills)
    assert (row["state"], row["last_event"]) == ("signed", "北京 已签收")
    assert row["delivered_at"] == datetime(2025, 3, 12, 1, 0, tzinfo=UTC)
    assert len(_rows(database, waybill_events)) == 3


def test_waybill_export_sorted_by_time(load: Load, database: Database) -> None:
    """A list of scans where waybills alternate gives each waybill all of its events."""
    head = "运单号,扫描时间,扫描类型,扫描网点\n"
    scans = "".join(
        f"HC10000000000{n},2025-03-1{day} 0{n}:00,{word},深圳\n"
        for day, word in ((0, "收件"), (1, "发件"), (2, "派件"))
        for n in (1, 2)
    )
    load("waybills", head + scans)
    assert [w["state"] for w in _rows(database, waybills)] == ["delivering", "delivering"]
    assert len(_rows(database, waybill_events)) == 6


def test_waybill_finds_its_customers(load: Load, database: Database) -> None:
    """By 编号, else by a number that only one customer has; an unknown 编号 is told."""
    load(
        "customers",
        "编号,客户名称,移动电话\nA1,王小明,13800138000\nA2,李静,13800138001\nA3,陈芳,13800138001\n",
    )
    report = load(
        "waybills",
        "运单号,寄件客户编号,寄件人电话,收件人电话\n"
        "HC100000000001,A2,13800138000,13800138000\n"
        "HC100000000002,ZZ,,13800138001\n",
    )
    one, two = _rows(database, waybills)
    ids = {c["code"]: c["id"] for c in _rows(database, customers)}
    assert (one["sender_customer_id"], one["receiver_customer_id"]) == (ids["A2"], ids["A1"])
    assert (two["sender_customer_id"], two["receiver_customer_id"]) == (None, None)
    assert report.warnings == ["运单 HC100000000002：没有客户编号 ZZ"]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("123,已签收,,", "运单号"),
        ("HC100000000001,飞行中,,", "状态"),
        ("HC100000000001,,昨天,签收", "事件时间"),
        ("HC100000000001,,2025-13-01 10:00,签收", "事件时间"),
        ("HC100000000001,,,签收", "事件时间"),
    ],
)
def test_bad_waybill_rows(load: Load, row: str, column: str) -> None:
    """Numbers, states and times that cannot be are told by column."""
    (fault,) = load("waybills", f"运单号,状态,事件时间,事件\n{row}\n").faults
    assert (fault.line, fault.column) == (2, column)


def test_masked_receiver_is_kept_for_reading(load: Load, database: Database) -> None:
    """Platforms mask receivers' numbers: such a waybill imports, and the number is never matched."""
    load("waybills", "运单号,收件人电话\nHC100000000001,138****8000\n")
    (row,) = _rows(database, waybills)
    assert (row["receiver_key"], row["receiver_display"]) == ("", "138****8000")


def test_failure_while_writing_leaves_nothing(load: Load, database: Database) -> None:
    """When the store refuses in the middle of the writing, everything before it is undone."""
    rows = "".join(f"A{i},个人,人{i},,,\n" for i in range(1200))
    with database.begin() as conn:
        if conn.dialect.name == "sqlite":
            trigger = "CREATE TRIGGER stop BEFORE INSERT ON customers WHEN new.code = 'A1100' "
            conn.execute(sa.text(trigger + "BEGIN SELECT RAISE(ABORT, 'stop'); END"))
        else:
            conn.execute(sa.text("ALTER TABLE customers ADD CONSTRAINT stop CHECK (code <> 'A1100')"))
    with pytest.raises(sa.exc.IntegrityError):
        load("customers", f"{HEAD}\n{rows}")
    assert _rows(database, customers) == []
    assert _rows(database, imports) == []


def test_import_is_on_record(load: Load, database: Database) -> None:
    """Each import has a row with its counts, and a line in the audit trail."""
    load("customers", SAMPLES / "customers.csv", who="admin")
    (row,) = _rows(database, imports)
    assert (row["kind"], row["file_name"], row["rows"], row["created"]) == (
        "customers",
        "customers.csv",
        5,
        5,
    )
    (line,) = _rows(database, audit)
    assert (line["who"], line["action"], line["subject"]) == ("admin", "import", "customers")


def _import_in_process(url: str, file: Path) -> tuple[int, int]:
    database = Database(url)
    options = Options(now=NOW, plan=DEFAULT_PLAN, again=True)
    report = import_file(database, "customers", file, options)
    database.close()
    return report.created, report.changed


def test_overlapping_imports_take_turns(database_url: str, tmp_path: Path) -> None:
    """Three processes that import overlapping files at once end as if they had come one after another."""
    files = []
    for n in range(3):
        file = tmp_path / f"{n}.csv"
        rows = "".join(f"A{i},个人,人{i},,1380013{i:04d},\n" for i in range(n * 100, n * 100 + 300))
        file.write_text(f"{HEAD}\n{rows}", encoding="utf-8")
        files.append(file)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        results = pool.starmap(_import_in_process, [(database_url, file) for file in files])
    database = Database(database_url)
    codes = [c["code"] for c in _rows(database, customers)]
    keys = [n["key"] for n in _rows(database, numbers)]
    database.close()
    assert len(codes) == len(set(codes)) == 500
    assert len(keys) == len(set(keys)) == 500
    assert sum(created for created, _ in results) == 500
    assert sum(changed for _, changed in results) == 0


def _big(file: Path, count: int) -> None:
    dice = random.Random(5)
    with file.open("w", encoding="gb18030", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["编号", "客户名称", "移动电话", "联系人", "联系人电话", "月贡献", "备注"])
        for i in range(count):
            phone = f"138{i:08d}"
            row = [
                f"B{i}",
                f"合成公司{i}",
                phone,
                f"人{i % 1000}",
                f"139{i:08d}",
                dice.randrange(200_000),
                "x" * 100,
            ]
            out.writerow(row)


def test_memory_stays_flat(sqlite_url: str, tmp_path: Path) -> None:
    """Ten times the rows take about the same memory: records wait on disk, not in a list."""
    import tracemalloc

    peaks = []
    opened = Database(sqlite_url)
    for count in (300, 3000):
        file = tmp_path / f"{count}.csv"
        _big(file, count)
        options = Options(now=NOW, plan=DEFAULT_PLAN, dry_run=True)
        tracemalloc.start()
        assert import_file(opened, "customers", file, options).bad == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    opened.close()
    assert peaks[1] < 2 * peaks[0] + 1_000_000  # the set of codes grows, nothing else


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400) | st.text(max_size=200).map(lambda t: f"编号,客户名称\n{t}".encode()))
def test_any_bytes_are_imported_or_refused(tmp_path: Path, sqlite_url: str, content: bytes) -> None:
    """Whatever the file holds, the answer is a report or one of our errors."""
    file = tmp_path / "any.csv"
    file.write_bytes(content)
    database = Database(sqlite_url)
    with suppress(UsageError):
        report = import_file(database, "customers", file, Options(now=NOW, plan=DEFAULT_PLAN, dry_run=True))
        assert report.written is False
    database.close()


def test_command_from_empty_folder_to_filled_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``init-db`` and ``import`` by hand: JSON on stdout, progress on stderr, twice the same is harmless."""
    url = f"sqlite:///{tmp_path / 'new' / 'cli.db'}"
    assert main(["init-db", "--url", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["before"] is None
    assert main(["import", "customers", str(SAMPLES / "customers.csv"), "--url", url, "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["created"] == 5
    assert "写入 5" in captured.err
    assert main(["import", "customers", str(SAMPLES / "customers.csv"), "--url", url]) == 0
    assert "导入过" in capsys.readouterr().out


def test_command_tells_bad_rows_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad rows: each with its line, one sentence on stderr, status 2, nothing imported."""
    file = tmp_path / "bad.csv"
    file.write_text(BAD, encoding="gbk")
    url = f"sqlite:///{tmp_path / 'cli.db'}"
    assert main(["import", "customers", str(file), "--url", url]) == 2
    captured = capsys.readouterr()
    assert "第 3 行 编号：不能为空" in captured.out
    assert "7 bad row(s), nothing was imported" in captured.err
    assert main(["import", "customers", str(file), "--url", url, "--skip-bad", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["created"] == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["customers"], "which file?"),
        (["customers", "/no/such/file.csv"], "cannot be read"),
        (["customers", "/"], "cannot be read"),
    ],
)
def test_command_bad_input(
    args: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file is one sentence and status 2."""
    assert main(["import", *args, "--url", f"sqlite:///{tmp_path / 'x.db'}"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_command_lists_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """``--columns`` shows what is understood, the needed ones marked."""
    assert main(["import", "customers", "--columns"]) == 0
    out = capsys.readouterr().out
    assert "编号（必填）" in out
    assert "主营业务" in out
