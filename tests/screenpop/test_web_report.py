"""The report by day in Chromium: figures against the span before, groupings, the address, the workbook."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from openpyxl import load_workbook
from playwright.async_api import Browser, expect
from sqlalchemy.engine import Connection

from cti.__main__ import main
from cti.store.repos import list_audit
from cti.store.repos.sign_ins import save_sign_ins
from cti.store.repos.visits import save_visits
from cti.store.tables import contacts
from tests.plugins.browser import keep, signed_in
from tests.plugins.screenpop import PopLine

SHANGHAI = ZoneInfo("Asia/Shanghai")
TIERS = (("vip", "VIP客户"), ("mid", "中端客户"), ("", ""))
QUEUES = [{"name": "hotline", "label": "普通热线"}, {"name": "vip", "label": "VIP 专席"}]


def furnish(conn: Connection, today: datetime) -> None:
    """Eight days of a hotline: a hundred calls each, five fewer the day before."""
    visits, talks = [], []
    for ago in range(8):
        for n in range(100 - 5 * ago):
            at = today - timedelta(days=ago) + timedelta(hours=8 + n % 11, seconds=31 * n)
            wait, (tier, label) = float(n % 40), TIERS[n % 3]
            outcome = "abandoned" if n % 12 == 11 else "answered"
            visits.append(
                {
                    "id": f"{ago}:{n}",
                    "node": "pbx1",
                    "linkedid": f"{ago}.{n}",
                    "queue": "vip" if tier == "vip" else "hotline",
                    "kind": "call",
                    "scheme": "sf",
                    "tier_id": tier,
                    "tier_label": label,
                    "arrived_at": at.isoformat(),
                    "queued_at": at.isoformat(),
                    "ended_at": (at + timedelta(seconds=wait)).isoformat(),
                    "outcome": outcome,
                    "agent": "1001",
                    "wait_s": wait,
                    "recovered": False,
                }
            )
            if outcome == "answered":
                talks.append(
                    {
                        "at": at + timedelta(seconds=wait),
                        "channel": "call",
                        "direction": "inbound",
                        "number_key": "",
                        "agent": f"100{1 + n % 3}",
                        "queue": "vip" if tier == "vip" else "hotline",
                        "disposition": ("查件", "催派", "下单")[n % 3],
                        "wait_s": wait,
                        "talk_s": 60.0 + n,
                        "hold_s": float(n % 7),
                        "wrapup_s": 15.0,
                        "pop_id": f"{ago}:{n}",
                    }
                )
    save_visits(conn, visits)
    save_sign_ins(conn, [("1002", today, today + timedelta(hours=10))])
    conn.execute(sa.insert(contacts), talks)


async def test_report_tells_the_days_and_keeps_its_choices_in_the_address(
    start_popline: Callable[..., Any], seeded_url: str, browser: Browser, tmp_path: Path
) -> None:
    """Today against yesterday, by hour, by agent, one queue; the workbook holds the same, audited."""
    line: PopLine = await start_popline(seeded_url, queues=QUEUES)
    today = datetime.combine(datetime.now(SHANGHAI).date(), time(), SHANGHAI)
    await line.parts.ctx.db.write(lambda c: furnish(c, today))
    complaints: list[str] = []
    page = await signed_in(browser, line.base, "boss", complaints, "/reports")
    offered = page.locator('[data-testid="report-total"][data-name="offered"]')
    await expect(offered.locator("dd").first).to_have_text(str(sum(100 - 5 * ago for ago in range(7))))
    await expect(page.get_by_test_id("report-row")).to_have_count(7)
    await keep(page, "report")
    await page.get_by_test_id("report-span-today").click()
    await expect(offered.locator("dd")).to_have_text(["100", "上一期 95"])
    await page.get_by_test_id("report-by-agents").click()
    await expect(page.locator('[data-testid="report-row"][data-key="1002"]')).to_contain_text("李二")
    await expect(page.get_by_role("columnheader", name="占用率")).to_be_visible()
    await expect(page.locator('[data-testid="report-row"][data-key="1002"]')).to_contain_text(
        re.compile(r"\d\.\d%")
    )
    await page.get_by_test_id("report-by-tiers").click()
    await expect(page.locator('[data-testid="report-row"][data-key="VIP客户"]')).to_contain_text("34")
    await page.get_by_test_id("report-queue").select_option("vip")
    await expect(offered.locator("dd").first).to_have_text("34")
    address = page.url
    assert all(part in address for part in ("by=tiers", "queue=vip", f"first={today:%Y-%m-%d}"))
    await page.reload()
    await expect(offered.locator("dd").first).to_have_text("34")
    async with page.expect_download() as download:
        await page.get_by_test_id("report-export").click()
    book = load_workbook(io.BytesIO(Path(await (await download.value).path()).read_bytes()))
    assert [c.value for c in book["按日"][2]][:2] == [f"{today:%Y-%m-%d}", 34]
    rows = await line.parts.ctx.db.run(list_audit)
    assert [(e["who"], e["subject"]) for e in rows if e["action"] == "export"] == [("boss", "report")]
    await page.emulate_media(color_scheme="dark")
    await page.goto(f"{line.base}/reports?by=hours&first={today:%Y-%m-%d}")
    await expect(page.get_by_test_id("report-row").first).to_be_visible()
    await page.wait_for_timeout(300)
    await keep(page, "report-dark")
    await page.get_by_test_id("lang-switch").click()
    await expect(page.get_by_test_id("report").locator("h1")).to_have_text("Report by day")
    status, body = await line.api("GET", "/reports/days?first=2025-03-09&last=2025-03-01", user="boss")
    assert (status, body["error"]["code"]) == (400, "bad_span")
    assert (await line.api("GET", "/reports/days", user="a1001"))[0] == 403
    assert complaints == []


def test_report_command(sqlite_url: str, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    """``laidian report day`` prints a day as JSON or writes a workbook; a wrong day is one sentence."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAIDIAN_STORE__URL", sqlite_url)
    assert main(["report", "day", "2025-03-09", "--json"]) == 0
    assert '"offered": 0' in capsys.readouterr().out
    assert main(["report", "day", "2025-03-01", "--to", "2025-03-09", "--xlsx", "r.xlsx"]) == 0
    assert len(list(load_workbook(tmp_path / "r.xlsx")["按日"].rows)) == 12
    assert main(["report", "day", "9.3.2025"]) == 2
    assert "is not a day like 2025-03-09" in capsys.readouterr().err
    assert main(["report", "day", "2025-03-09", "--to", "2025-03-01"]) == 2
