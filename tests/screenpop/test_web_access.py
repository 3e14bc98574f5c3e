"""Every page and every state of the card for screen readers and weak eyes: axe's rules for WCAG 2.1 AA."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from cti.domain.call import CallEventKind as K
from screenpop.api.app import DIST
from tests.plugins.desk_page import DeskPage, card_in

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser, pytest.mark.timeout(300)]

AXE = DIST.parent / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
# nothing half faded in: axe reads colours
STILL = """() => {
  const still = new CSSStyleSheet()
  still.replaceSync('*, ::before, ::after { transition: none !important; animation: none !important }')
  document.adoptedStyleSheets = [still]
}"""
PAGES = {
    "a1001": ("/", "/customers", "/care", "/outreach", "/qa/mine"),
    "boss": ("/supervisor", "/wall", "/reports", "/value", "/care/figures", "/outreach/figures"),
    "qa": ("/qa", "/qa/dashboard", "/qa/jobs", "/qa/rules", "/statistics"),
    "root": (
        *("/admin/links", "/admin/events", "/admin/transfer"),
        *("/admin/audit", "/admin/person", "/admin/users"),
    ),
}


SHOWN_BY = {
    "Alt+x": "control-search",
    "Alt+c": "complaint-form",
    "Alt+i": "side-panel",
    "Control+k": "search-input",
    "?": "help",
}


async def faults(page: Page, where: str) -> list[str]:
    """What axe finds here, light and dark: rule, place, what it says."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        await page.evaluate(STILL)
    found = []
    for scheme, rules in (("light", RULES), ("dark", ["color-contrast"])):
        await page.emulate_media(color_scheme=scheme)
        result = await page.evaluate("rules => axe.run({ runOnly: rules })", rules)
        for violation in result["violations"]:
            for node in violation["nodes"]:
                found.append(f"{where} {scheme} {violation['id']}: {node['html'][:200]}")
    return found


@pytest.fixture
def axe() -> None:
    """Here with the page's other packages."""
    if not AXE.is_file():
        pytest.skip("axe-core is not here (make setup)")


async def test_every_page_can_be_read_by_everybody(axe: None, desk_page: DeskPage) -> None:
    """No page has a nameless button, a field without a label, or text that is too faint."""
    found = []
    for user, paths in PAGES.items():
        page = await desk_page.signed_in(user)
        for path in paths:
            await page.goto(desk_page.base + path)
            await page.get_by_test_id("user-menu").wait_for()
            await page.wait_for_load_state("networkidle")
            found += await faults(page, path)
        await page.get_by_test_id("user-menu").click()
        found += await faults(page, "menu")
        await page.get_by_test_id("logout").click()
        await page.get_by_test_id("login-submit").wait_for()
        found += await faults(page, "login")
        await page.close()
    assert not found, "\n".join(found)


async def test_the_card_in_every_state(axe: None, desk_page: DeskPage) -> None:
    """While it rings, in the talk with all that opens over it, in English, and in the wrap-up."""
    page = await desk_page.agent()
    call = desk_page.pbx.call("direct")
    found = []
    call.until(K.OFFERED, "1001")
    await card_in(page, "ringing")
    found += await faults(page, "ringing")
    call.until(K.ANSWERED, "1001")
    await card_in(page, "talking")
    found += await faults(page, "talking")
    for key, shown in SHOWN_BY.items():
        await page.keyboard.press(key)
        await expect(page.get_by_test_id(shown).first).to_be_visible()
        found += await faults(page, key)
        await page.keyboard.press("Escape")
    await page.get_by_test_id("lang-switch").click()
    found += await faults(page, "English")
    call.until(K.ENDED)
    await card_in(page, "wrapup")
    found += await faults(page, "wrapup")
    assert not found, "\n".join(found)
