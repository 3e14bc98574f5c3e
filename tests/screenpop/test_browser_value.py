"""客户经营 in a real Chromium: distribution, filters, upgrade proposals, a customer kept step by step."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.async_api import Browser, expect

from cti.store.recompute import NIGHTLY, recompute
from cti.store.repos.tiering import Plan
from cti.store.synthetic import fill
from cti.store.tables import customers
from screenpop.service import utc_now
from tests.plugins.browser import keep, signed_in
from tests.plugins.screenpop import PopLine
from tests.screenpop.test_value_api import CHINA, schemes

pytestmark = [pytest.mark.browser]


def _business(line: PopLine) -> None:
    """A few dozen synthetic customers with half a year of orders."""
    db, now = line.parts.ctx.db, utc_now()
    with db.begin() as conn:
        conn.execute(sa.update(customers).values(source="test"))  # the store counts as still to be filled
        fill(conn, now=now, scheme=schemes()[0], seed=3, count=60)
        conn.execute(sa.update(customers).values(representative="1002"))
    recompute(db, Plan(schemes()[0], schemes()), now=now, zone=CHINA, cause=NIGHTLY)


async def test_a_supervisor_finds_and_keeps_a_customer(browser: Browser, popline: PopLine) -> None:
    """From the distribution over filters to a churn alert, its steps, and the customer's own page."""
    await asyncio.to_thread(_business, popline)
    complaints: list[str] = []
    page = await signed_in(browser, popline.base, "boss", complaints, "/value")
    drawn = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    canvas = page.get_by_test_id("value-chart").locator("canvas")
    await expect(canvas).to_be_visible()
    assert await canvas.evaluate(drawn) > 8
    await expect(page.get_by_test_id("value-upgrade").first).to_be_visible()
    await expect(page.get_by_test_id("value-crowded")).to_contain_text("1002")
    await keep(page, "value_upgrades")
    await page.get_by_test_id("value-scheme").select_option("abcd")
    await expect(page.get_by_test_id("value-chart")).to_have_attribute("aria-label", re.compile("D级"))
    await page.get_by_test_id("value-scheme").select_option("sf")

    await page.get_by_test_id("value-tab-churn").click()
    rows = page.get_by_test_id("value-churn")
    await expect(rows.first).to_be_visible()
    all_of_them = await page.get_by_test_id("value-total").text_content()
    await page.get_by_test_id("value-filter-industry").select_option("制造")
    await expect(page).to_have_url(re.compile("industry="))
    await expect(page.get_by_test_id("value-total")).not_to_have_text(all_of_them or "")
    await page.get_by_test_id("value-filter-clear").click()
    await expect(page.get_by_test_id("value-total")).to_have_text(all_of_them or "")

    first = await rows.first.get_attribute("data-id")
    row = page.locator(f"[data-testid=value-churn][data-id='{first}']")
    for step in ("contacted", "explained", "remedied"):
        await row.get_by_test_id("value-step-open").click()
        await row.get_by_test_id("value-step-note").fill(f"记录 {step}")
        await row.get_by_test_id(f"value-step-{step}").click()
        await expect(row).to_have_attribute("data-step", step)
    await expect(row).to_contain_text("记录 remedied")
    await keep(page, "value_churn")

    await row.locator("a").click()
    card: Any = page.get_by_test_id("customer-value")
    await expect(card).to_contain_text("各方案等级")
    await page.get_by_test_id("preferences-edit").click()
    await page.locator("[data-pref=时效要求]").fill("上午送达")
    await page.get_by_test_id("preferences-save").click()
    await expect(page.get_by_test_id("preferences")).to_contain_text("上午送达")
    before = await page.get_by_test_id("points-balance").text_content()
    await card.locator("summary").last.click()
    await page.get_by_test_id("points-delta").fill("88")
    await page.get_by_test_id("points-reason").fill("补偿")
    await page.get_by_test_id("points-add").click()
    await expect(page.get_by_test_id("points-balance")).not_to_have_text(before or "")
    await keep(page, "value_customer")
    assert complaints == []
