"""The frame around the desk: the door, doors that are closed, language, look, the ledger."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.async_api import expect

from cti.domain.call import CallEventKind as K
from cti.store.repos.commands import apply_command
from cti.store.tables import pops
from tests.ami.played_pbx import steps
from tests.plugins.browser import keep
from tests.plugins.desk_page import OUYANG, DeskPage

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def test_wrong_password_is_told_and_the_field_is_ready_again(desk_page: DeskPage) -> None:
    """A wrong password is answered in words and the cursor stands in the emptied password field."""
    desk_page.faults_expected = True  # 401
    page = await desk_page.tab()
    await page.get_by_test_id("login-submit").click()
    await expect(page.get_by_text("请输入用户名")).to_be_visible()
    await page.get_by_test_id("login-username").fill("a1001")
    await page.get_by_test_id("login-password").fill("wrong-horse")
    await page.get_by_test_id("login-submit").click()
    await expect(page.get_by_test_id("login-error")).to_contain_text("用户名或密码")
    await expect(page.get_by_test_id("login-password")).to_be_focused()
    await expect(page.get_by_test_id("login-password")).to_have_value("")


async def test_closed_doors_say_so(desk_page: DeskPage) -> None:
    """An agent at the supervisor's door reads why it is closed; a wrong address says so too."""
    page = await desk_page.agent()
    await page.goto(desk_page.base + "/supervisor")
    await expect(page.get_by_test_id("no-access")).to_contain_text("没有权限")
    await page.goto(desk_page.base + "/no/such/page")
    await expect(page.get_by_test_id("not-found")).to_be_visible()


async def test_supervisor_reads_the_ledger(desk_page: DeskPage) -> None:
    """The supervisor lands on the ledger; the chosen agent is kept in the address."""
    desk_page.pbx.call("twenty").rest()
    of = Counter(e.agent for step in steps("twenty") for e in step.tells if e.kind is K.OFFERED)
    await desk_page.pbx_goes_and_returns()
    await desk_page.popline.parts.ctx.ledger.settled(10)
    await _pressed(desk_page)
    page = await desk_page.signed_in("boss")
    rows = page.get_by_test_id("ledger-row")
    await expect(rows).to_have_count(of.total())
    await expect(page.get_by_test_id("gaps")).to_contain_text(re.compile(r"断开 \d\d:\d\d"))
    await page.get_by_test_id("ledger-pressed").first.click()
    items = page.get_by_test_id("pressed-item")
    await expect(items).to_have_text(
        [re.compile("a1001.*转接 → 138.*已完成"), re.compile("a1001.*挂机.*可能对方")]
    )
    await keep(page, "desk-ledger")
    await page.get_by_test_id("ledger-agent").select_option("1002")
    await expect(rows).to_have_count(of["1002"])
    assert page.url.endswith("/supervisor?agent=1002")
    await page.reload()
    await expect(rows).to_have_count(of["1002"])


async def _pressed(desk_page: DeskPage) -> None:
    """In the newest call of the ledger two commands were given."""

    def write(conn: sa.Connection) -> None:
        newest = conn.execute(sa.select(pops).order_by(pops.c.pbx_at.desc()).limit(1)).mappings().one()
        given = {"pop_id": newest["id"], "node": newest["node"], "linkedid": newest["linkedid"]}
        given |= {"agent": "1001", "username": "a1001", "situation": "talking"}
        for second, command, target, code in (
            (1, "blind", f"number:{OUYANG}", ""),
            (2, "hangup", "", "pbx_refused"),
        ):
            at = (newest["pbx_at"] + timedelta(seconds=second)).isoformat()
            end = {"state": "failed" if code else "done", "code": code, "asked_at": at, "done_at": at}
            apply_command(conn, {**given, **end, "id": command, "command": command, "target": target})

    await desk_page.popline.parts.ctx.db.write(write)


async def test_page_speaks_english_and_turns_dark(desk_page: DeskPage) -> None:
    """Language and appearance are switched in place and kept."""
    page = await desk_page.agent()
    await page.get_by_test_id("lang-switch").click()
    await expect(page.get_by_test_id("state-switch")).to_contain_text("Available")
    await page.get_by_test_id("user-menu").click()
    for _ in range(2):  # as the system → light → dark
        await page.get_by_test_id("theme-switch").click()
    await expect(page.locator("html")).to_have_class(re.compile("dark"))
    await page.reload()
    await expect(page.get_by_test_id("state-switch")).to_contain_text("Available")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("html")).to_have_class(re.compile("dark"))
