"""Exports and imports both ways: the round trip changes nothing, and two imports do not mix."""

from __future__ import annotations

import csv
import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from cti.domain.phone import Plan
from cti.errors import Unavailable, UsageError
from cti.schemes import load_scheme
from cti.store import repos
from cti.store.db import Database
from cti.store.exports import export_file
from cti.store.exports.tables import moment
from cti.store.imports import Options, import_file
from cti.store.imports.cells import CHINA
from cti.store.imports.cells import moment as read_moment
from cti.store.lock import store_lock
from cti.store.synthetic import fill
from cti.store.tables import customers, imports

NOW = datetime(2026, 3, 10, 8, 0, 0, 123456, tzinfo=UTC)
SCHEME = load_scheme("sf")
HAND = """编号,类型,客户名称,电话,移动电话,联系人,联系人电话,联系人年龄,爱好,标记,合同客户,\
月贡献,积分,出生年月,备注,区县,欠款
H1,公司,深圳蓝海电子有限公司,0755-86013388转8001；0335-6666,13800138001,张经理,13800138002；0755-86013399,41,钓鱼,党政机关,是,12345.67,88,,=HYPERLINK(1),福田区,1.50
H1,公司,深圳蓝海电子有限公司,,,李工,13800138003,,,,,,,,,,
H2,个人,欧阳娜,,13800138004,,,,游泳,,,800,,1985年3月,-5度以下保温,,
H3,个人,赵六,,+852 9123 4567,,,,,,,,,1990-02-28,,,
"""


def _options(**more: Any) -> Options:
    plan = Plan("0755", re.compile(r"^\d{2,6}$"))
    return Options(now=NOW, plan=plan, scheme=SCHEME, again=True, **more)


def _filled(database: Database, folder: Path) -> None:
    file = folder / "hand.csv"
    file.write_text(HAND, encoding="utf-8")
    with database.begin() as conn:
        fill(conn, now=NOW, scheme=SCHEME, seed=7, count=60)
    report = import_file(database, "customers", file, _options())
    assert (report.bad, report.created) == (0, 3), report.faults


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_what_is_exported_and_imported_again_changes_nothing(
    database: Database, tmp_path: Path, ending: str
) -> None:
    """Customers, waybills, orders, payments come back without a change, also formulas, dates, phones."""
    _filled(database, tmp_path)
    for kind in ("customers", "waybills", "orders", "payments"):
        file = tmp_path / f"{kind}.{ending}"
        rows = export_file(database, kind, file, at=NOW, who="root")
        if rows == 0:
            continue
        report = import_file(database, kind, file, _options())
        assert not report.faults, (kind, report.faults[:3])
        assert (report.created, report.changed, report.bad) == (0, 0, 0), kind
        assert report.unchanged == report.rows > 0
    assert (tmp_path / f"customers.{ending}").stat().st_mode & 0o077 == 0
    with database.begin(write=False) as conn:
        told = [(e["subject"], e["who"]) for e in repos.list_audit(conn) if e["action"] == "export"]
    assert ("customers", "root") in told


def test_an_export_into_an_empty_store_is_the_same_store(database: Database, tmp_path: Path) -> None:
    """What was exported makes the same customers elsewhere."""
    _filled(database, tmp_path)
    file, again = tmp_path / "a.csv", tmp_path / "b.csv"
    export_file(database, "customers", file, at=NOW, who="root")
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    try:
        from cti.store.migrations import upgrade

        upgrade(other)
        assert import_file(other, "customers", file, _options()).bad == 0
        export_file(other, "customers", again, at=NOW, who="root")
    finally:
        other.close()
    assert again.read_bytes() == file.read_bytes()


def test_formulas_are_texts(database: Database, tmp_path: Path) -> None:
    """What a person wrote with = at its beginning is counted by no spreadsheet."""
    _filled(database, tmp_path)
    export_file(database, "customers", tmp_path / "c.csv", at=NOW, who="root")
    export_file(database, "customers", tmp_path / "c.xlsx", at=NOW, who="root")
    with (tmp_path / "c.csv").open(encoding="utf-8-sig", newline="") as stream:
        cells = [c for row in csv.reader(stream) for c in row]
    assert "\t=HYPERLINK(1)" in cells
    assert not [c for c in cells if c.startswith(("=", "+", "-", "@"))]
    book = openpyxl.load_workbook(tmp_path / "c.xlsx")
    assert {c.data_type for row in book.active.iter_rows() for c in row if c.value == "=HYPERLINK(1)"} == {
        "s"
    }


def test_a_wrong_name_leaves_no_file(database: Database, tmp_path: Path) -> None:
    """Neither an unknown ending nor too many rows leave anything behind."""
    _filled(database, tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=r"\.csv or \.xlsx"):
        export_file(database, "customers", tmp_path / "x.pdf", at=NOW, who="root")
    with pytest.raises(UsageError, match="more than 3"):
        export_file(database, "customers", tmp_path / "x.csv", at=NOW, who="root", most=3)
    with pytest.raises(UsageError, match="cannot be written"):
        export_file(database, "customers", tmp_path / "no" / "x.csv", at=NOW, who="root")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "at",
    [
        datetime(1990, 9, 15, 16, 30, tzinfo=UTC),  # the hour that China's summer time ended: it was twice
        datetime(1990, 9, 15, 17, 30, tzinfo=UTC),
        datetime(2026, 3, 8, 15, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 8, 16, 0, tzinfo=UTC),
    ],
)
def test_moments_come_back_whatever_the_clock_did(at: datetime) -> None:
    """Day borders, parts of seconds and the hours around a change of clocks are read as they were."""
    assert read_moment(moment(at)) == at
    assert at.astimezone(CHINA).date().isoformat() in moment(at)


def test_two_imports_at_once_do_not_mix(database: Database, tmp_path: Path) -> None:
    """The second import waits for the first; who will not wait is told so and changes nothing."""
    files = []
    for n in range(2):
        file = tmp_path / f"{n}.csv"
        rows = "".join(f"Z{i},第{n}次,{13900000000 + i}\n" for i in range(300))
        file.write_text("编号,客户名称,移动电话\n" + rows, encoding="utf-8")
        files.append(file)
    with store_lock(database, 1.0), pytest.raises(Unavailable, match="another import"):
        import_file(database, "customers", files[0], _options(wait_s=0.1))
    with database.begin(write=False) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(customers)).scalar() == 0
    start = threading.Barrier(2)
    reports: list[Any] = []

    def load(file: Path) -> None:
        start.wait(10)
        reports.append(import_file(database, "customers", file, _options(wait_s=60.0)))

    threads = [threading.Thread(target=load, args=(f,)) for f in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted((r.created, r.changed) for r in reports) == [(0, 300), (300, 0)]
    with database.begin(write=False) as conn:
        assert len(set(conn.execute(sa.select(customers.c.name)).scalars())) == 1
        assert conn.execute(sa.select(sa.func.count()).select_from(imports)).scalar() == 2


def test_a_hook_waits_for_an_import(database: Database) -> None:
    """A pushed delivery that meets an import is not mixed with it: it waits, or is told to come again."""
    from cti.errors import DeadlineExceeded
    from cti.store.repos import hooks
    from cti.store.repos.integrations import add_integration

    with database.begin() as conn:
        how = {"name": "T", "token_hash": "h", "scopes": ["orders:write"], "at": NOW, "who": "x"}
        one = add_integration(conn, **how)
    if database.dialect == "sqlite":
        return  # one writer: the database itself keeps them apart

    def deliver() -> None:
        with database.begin() as conn:
            conn.execute(sa.text("SET LOCAL statement_timeout = '200ms'"))
            hooks.begin_delivery(conn, one, "orders", "d-1", "sha", at=NOW + timedelta(seconds=1))

    with store_lock(database, 1.0), pytest.raises(DeadlineExceeded):
        deliver()
    deliver()
