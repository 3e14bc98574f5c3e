"""系统管理 in a real Chromium: tokens, deliveries, import with faults, the audit log, erasure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from cti.store.repos import outbox
from tests.plugins.browser import keep
from tests.plugins.desk_page import DeskPage
from tests.plugins.links import Receiver

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def test_an_admin_gives_and_takes_a_token(desk_page: DeskPage) -> None:
    """A token is shown once with its secret, opens what it should, and is revoked after a question."""
    page = await desk_page.signed_in("root", "/admin/links")
    await expect(page.get_by_text("还没有对接系统")).to_be_visible()
    await page.get_by_test_id("admin-link-new").click()
    await page.get_by_test_id("admin-link-name").fill("TMS")
    await expect(page.get_by_test_id("admin-link-make")).to_be_disabled()
    await page.get_by_test_id("admin-scope-waybills:write").check()
    await page.get_by_test_id("admin-scope-customers:read").check()
    await page.get_by_test_id("admin-link-signed").check()
    await keep(page, "admin_link_form")
    await page.get_by_test_id("admin-link-make").click()
    values = page.get_by_test_id("admin-secret-value")
    await expect(values).to_have_count(2)
    token = await values.first.inner_text()
    line = desk_page.popline
    async with line.http.get(
        f"{line.base}/api/v1/search?q=13800138000", headers={"Authorization": f"Bearer {token}"}
    ) as answer:
        assert answer.status == 200
    await keep(page, "admin_links")
    await page.get_by_test_id("admin-secret-close").click()
    await expect(values).to_have_count(0)
    row = page.get_by_test_id("admin-link")
    await expect(row).to_have_attribute("data-state", "alive")
    await row.get_by_test_id("admin-link-revoke").click()
    await row.get_by_test_id("admin-link-revoke-yes").click()
    await expect(row).to_have_attribute("data-state", "revoked")
    async with line.http.get(
        f"{line.base}/api/v1/search?q=1", headers={"Authorization": f"Bearer {token}"}
    ) as answer:
        assert answer.status == 401


async def test_deliveries_are_seen(desk_page: DeskPage) -> None:
    """What a receiver refuses is shown with the reason; a subscription is stopped and removed."""
    from aiohttp import web

    receiver = Receiver(answers=[400])
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    db, now = desk_page.popline.parts.ctx.db, desk_page.popline.parts.ctx.now()
    try:
        page = await desk_page.signed_in("root", "/admin/events")
        await page.get_by_test_id("admin-sub-new").click()
        await page.get_by_test_id("admin-sub-name").fill("CRM")
        await page.get_by_test_id("admin-sub-url").fill(url)
        await page.get_by_test_id("admin-sub-make").click()
        await page.get_by_test_id("admin-secret-close").click()
        body = {"code": "TS1"}
        await db.write(
            lambda c: outbox.emit(c, "complaint.opened", "complaint:7", at=now, body=body, mark="7")
        )
        await receiver.count(1)
        await page.get_by_test_id("admin-deliveries-waiting").click()
        delivery = page.get_by_test_id("admin-delivery")
        await expect(delivery).to_contain_text("HTTP 400")
        await keep(page, "admin_events")
        await page.get_by_test_id("admin-sub-turn").click()
        await expect(page.get_by_test_id("admin-sub")).to_have_attribute("data-state", "off")
        await page.get_by_test_id("admin-sub-remove").click()
        await page.get_by_test_id("admin-sub-remove-yes").click()
        await expect(page.get_by_test_id("admin-sub")).to_have_count(0)
    finally:
        await runner.cleanup()


async def test_a_supervisor_imports_after_a_check(desk_page: DeskPage, tmp_path: Path) -> None:
    """Faults are shown with line and column, a good file is written, an export comes down; audited."""
    page = await desk_page.signed_in("boss", "/admin/transfer")
    await expect(page.get_by_test_id("admin-tab-links")).to_have_count(0)
    bad, good = tmp_path / "客户-有误.csv", tmp_path / "客户.csv"
    bad.write_text("编号,客户名称,移动电话\nN1,,138\nN2,乙,abc\n", encoding="gb18030")
    good.write_text("编号,客户名称,移动电话\nN1,新客户甲,13911110001\n", encoding="utf-8")
    await page.get_by_test_id("admin-import-file").set_input_files(bad)
    await page.get_by_test_id("admin-import-check").click()
    state = page.get_by_test_id("admin-import-state")
    await expect(state).to_have_attribute("data-state", "refused")
    await expect(page.get_by_test_id("admin-import-fault").first).to_contain_text("第 2 行")
    await expect(page.get_by_test_id("admin-import-write")).to_be_disabled()
    await keep(page, "admin_import_faults")
    await page.get_by_test_id("admin-import-file").set_input_files(good)
    await page.get_by_test_id("admin-import-check").click()
    await expect(state).to_contain_text("可以写入")
    await page.get_by_test_id("admin-import-write").click()
    await expect(state).to_contain_text("新增 1")
    await expect(page.get_by_test_id("admin-import-row").first).to_contain_text("客户.csv")
    async with page.expect_download() as download:
        await page.get_by_test_id("admin-export-xlsx").click()
    assert (await download.value).suggested_filename.startswith("customers-")
    await keep(page, "admin_transfer")
    await page.get_by_test_id("admin-tab-audit").click()
    await page.get_by_test_id("admin-audit-action").select_option("export")
    await expect(page).to_have_url(re.compile("action=export"))
    await expect(page.get_by_test_id("admin-audit-row")).to_have_count(1)
    await page.get_by_test_id("admin-audit-action").select_option("")
    await keep(page, "admin_audit")


async def test_a_person_is_found_exported_and_erased(desk_page: DeskPage) -> None:
    """What there is of a person is listed; erasure wants the word, and the person is gone."""
    page = await desk_page.signed_in("root", "/admin/person")
    await page.get_by_test_id("admin-person-who").fill("C1")
    await page.get_by_test_id("admin-person-find").click()
    await expect(page.get_by_test_id("admin-person")).to_contain_text("王小明")
    async with page.expect_download() as download:
        await page.get_by_test_id("admin-person-export").click()
    assert (await download.value).suggested_filename.endswith(".json")
    await page.get_by_test_id("admin-person-erase").click()
    await expect(page.get_by_test_id("admin-person-sure")).to_be_disabled()
    await page.get_by_test_id("admin-person-word").fill("删除")
    await keep(page, "admin_person")
    await page.get_by_test_id("admin-person-sure").click()
    await expect(page.get_by_test_id("admin-person")).to_have_attribute("data-erased", "true")
    desk_page.faults_expected = True  # the browser reports the 404
    await page.get_by_test_id("admin-person-find").click()
    await expect(page.get_by_text("没有这个人")).to_be_visible()
    await page.get_by_test_id("admin-tab-users").click()
    await expect(page.get_by_test_id("admin-user").first).to_be_visible()
    await keep(page, "admin_users")


async def test_consent_is_written_down_beside_the_customer(desk_page: DeskPage) -> None:
    """On the customer's page a refusal is one click, and shows who wrote it down."""
    page = await desk_page.signed_in("boss", "/customers/2")
    marketing = page.locator("[data-testid=consent][data-purpose=marketing]")
    await expect(marketing).to_contain_text("未表示")
    await marketing.get_by_test_id("consent-no").click()
    await expect(marketing).to_have_attribute("data-given", "false")
    await expect(marketing).to_contain_text("boss")
    await marketing.scroll_into_view_if_needed()
    await keep(page, "admin_consent")
    await page.get_by_test_id("user-menu").click()
    await page.get_by_test_id("theme-switch").click()
    await page.get_by_test_id("theme-switch").click()  # as the system is, light, dark
    await page.keyboard.press("Escape")
    await keep(page, "admin_consent_dark")
