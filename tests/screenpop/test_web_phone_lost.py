"""The card of a caller who was kept when an agent's phone was lost, in a real Chromium."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from cti.domain.call import CallEventKind as K
from tests.plugins.browser import keep
from tests.plugins.desk_page import DeskPage, card_in

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def test_the_card_says_that_the_call_goes_on(desk_page: DeskPage) -> None:
    """Who takes such a caller reads whose phone was lost, and that nobody hung up."""
    page = await desk_page.agent()
    call = desk_page.pbx.call("control_rejoin")
    call.until(K.WRAPPED_UP, "1001")
    await card_in(page, "wrapup")
    call.until(K.ANSWERED, "1001")
    await card_in(page, "talking")
    await expect(page.get_by_test_id("pop-chain").first).to_contain_text("续接：1001 的话机断开")
    await keep(page, "desk-goes-on")
    call.rest()
