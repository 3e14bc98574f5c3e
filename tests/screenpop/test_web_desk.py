"""The agent's page in a real Chromium, against the mock service of screenpop/web/dev on a real socket."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

WEB = Path(__file__).parents[2] / "screenpop" / "web"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SOON = 20_000  # ms; a page that needs longer is stuck
expect.set_options(timeout=SOON)
NOTE = "客户催派送，承诺 16:00 前送达"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine (apt: chromium)"),
    pytest.mark.skipif(not (WEB / "dist" / "index.html").is_file(), reason="pages not built: make setup"),
    pytest.mark.skipif(not (WEB / "node_modules" / "ws").is_dir(), reason="no node_modules: make setup"),
    pytest.mark.skipif(not shutil.which("node"), reason="no node"),
]


@dataclass
class World:
    """The mock service, and what it saw."""

    base: str

    async def play(self, *names: str) -> None:
        """Let scenarios of dev/scenarios.mjs happen."""
        for name in names:
            request = urllib.request.Request(f"{self.base}/dev/{name}", method="POST")
            await asyncio.to_thread(lambda r=request: urllib.request.urlopen(r, timeout=10).read())

    async def seen(self) -> dict[str, Any]:
        text = await asyncio.to_thread(
            lambda: urllib.request.urlopen(f"{self.base}/dev/world", timeout=10).read()
        )
        found: dict[str, Any] = json.loads(text)
        return found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[World]:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(WEB / "dev" / "mock-server.mjs"),
        "--port",
        "0",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        yield World(line.decode().strip())
    finally:
        process.kill()
        await process.wait()


@pytest_asyncio.fixture(loop_scope="module")
async def world(service: World) -> World:
    """The mock service as new."""
    await service.play("reset")
    return service


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as p:
        started = await p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield started
        finally:
            await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    made = await browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    made.set_default_timeout(SOON)
    yield made
    await made.close()


async def comes_true(page: Page, script: str) -> None:
    """Asks until it is so; `wait_for_function` polls inside the page, where its policy forbids eval."""
    async with asyncio.timeout(SOON / 1000):
        while not await page.evaluate(script):
            await asyncio.sleep(0.05)


async def sign_in(context: BrowserContext, world: World, who: str = "1001", path: str = "/") -> Page:
    page = await context.new_page()
    await page.goto(world.base + path)
    await page.get_by_test_id("login-username").fill(who)
    await page.get_by_test_id("login-password").fill(who)
    await page.get_by_test_id("login-submit").click()
    await expect(page.get_by_test_id("user-menu")).to_be_visible(timeout=SOON)
    return page


async def on_desk(context: BrowserContext, world: World) -> Page:
    page = await sign_in(context, world)
    await expect(page.get_by_test_id("idle")).to_have_attribute("data-kind", "available", timeout=SOON)
    await expect(page.get_by_test_id("tab-role")).to_have_attribute("data-leader", "true", timeout=SOON)
    return page


async def card_in(page: Page, state: str) -> str:
    """Wait for the card in a state; its pop's id."""
    card = page.get_by_test_id("pop-card")
    await expect(card).to_have_attribute("data-state", state, timeout=SOON)
    return await card.get_attribute("data-pop-id") or ""


async def test_desk_wrong_password_is_told_and_the_field_is_ready_again(
    context: BrowserContext, world: World
) -> None:
    """A wrong password is answered in words and the cursor stands in the emptied password field."""
    page = await context.new_page()
    await page.goto(world.base)
    await page.get_by_test_id("login-submit").click()
    await expect(page.get_by_text("请输入用户名")).to_be_visible()
    await page.get_by_test_id("login-username").fill("1001")
    await page.get_by_test_id("login-password").fill("wrong")
    await page.get_by_test_id("login-submit").click()
    await expect(page.get_by_test_id("login-error")).to_contain_text("用户名或密码")
    await expect(page.get_by_test_id("login-password")).to_be_focused()
    await expect(page.get_by_test_id("login-password")).to_have_value("")


async def test_desk_card_says_who_rings_and_what_to_say(context: BrowserContext, world: World) -> None:
    """While it rings the card shows who, tier, number, match, sentence and menu, and nothing scrolls."""
    page = await on_desk(context, world)
    await page.get_by_test_id("notify-later").click()
    await world.play("ring")
    await card_in(page, "ringing")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("王建国")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("先生")
    await expect(page.get_by_test_id("pop-tier")).to_have_text("VIP客户")
    await expect(page.get_by_test_id("pop-number")).to_have_text("138****8000")
    await expect(page.get_by_test_id("pop-outcome")).to_contain_text("号码精确匹配")
    await expect(page.get_by_test_id("pop-greeting")).to_contain_text("王先生")
    await expect(page.get_by_test_id("context-waybill")).to_contain_text("LD1002003001")
    await expect(page.get_by_test_id("context-waybill")).to_contain_text("派送中")
    await expect(page.get_by_test_id("timeline")).to_contain_text("月度")
    assert await page.title() == "来电 王建国"
    overflow = await page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll('[data-testid=pop-card] .body')]
            .map((e) => e.scrollHeight - e.clientHeight)"""
    )
    assert overflow == [0, 0]


async def test_desk_acknowledges_once_from_the_leading_tab_only(
    context: BrowserContext, world: World
) -> None:
    """Of two tabs both show the pop, one acknowledges; when it closes the other one leads."""
    first = await on_desk(context, world)
    second = await context.new_page()
    await second.goto(world.base)
    await expect(second.get_by_test_id("tab-role")).to_have_attribute("data-leader", "false")
    await world.play("ring")
    await card_in(first, "ringing")
    pop = await card_in(second, "ringing")
    for _ in range(100):
        if (await world.seen())["acks"]:
            break
        await asyncio.sleep(0.1)
    await second.get_by_test_id("note").fill("x")  # a round trip later no second one has come
    await expect(second.get_by_test_id("draft-state")).to_have_text("已存草稿")
    assert (await world.seen())["acks"] == [pop]
    await first.close()
    await expect(second.get_by_test_id("tab-role")).to_have_attribute("data-leader", "true")


@pytest.mark.parametrize(
    ("scenario", "outcome", "name"),
    [
        ("unregistered", "none", "未登记客户"),
        ("anonymous", "anonymous", "号码隐藏"),
        ("masked", "masked", "号码被遮蔽"),
        ("service", "service", "服务号码"),
        ("unavailable", "unavailable", "资料暂不可用"),
    ],
)
async def test_desk_shows_each_outcome_as_such(
    context: BrowserContext, world: World, scenario: str, outcome: str, name: str
) -> None:
    """A caller who is not known is never dressed up as a customer."""
    page = await on_desk(context, world)
    await world.play(scenario)
    await card_in(page, "ringing")
    await expect(page.get_by_test_id("pop-outcome")).to_have_attribute("data-outcome", outcome)
    await expect(page.get_by_test_id("pop-name")).to_have_text(name)
    await expect(page.get_by_test_id("pop-tier")).to_have_count(0)
    await expect(page.get_by_test_id("candidate")).to_have_count(0)


async def test_desk_late_look_up_completes_the_card(context: BrowserContext, world: World) -> None:
    """What the look-up could not give in time comes in later, under what is being typed."""
    page = await on_desk(context, world)
    await world.play("unavailable")
    await card_in(page, "ringing")
    await page.get_by_test_id("note").fill(NOTE)
    await world.play("complete")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("欧阳文静")
    await expect(page.get_by_test_id("note")).to_have_value(NOTE)
    await expect(page.get_by_test_id("note")).to_be_focused()


async def test_desk_several_customers_are_chosen_by_key(context: BrowserContext, world: World) -> None:
    """Two customers with one number: both are listed, nobody is chosen until the agent presses 2."""
    page = await on_desk(context, world)
    await world.play("many")
    await card_in(page, "ringing")
    await expect(page.get_by_test_id("candidate")).to_have_count(2)
    await expect(page.get_by_test_id("pop-outcome")).to_contain_text("2 位客户使用此号码，请选择")
    await page.keyboard.press("2")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("赵志强")
    await expect(page.get_by_test_id("pop-greeting")).to_contain_text("赵先生")


async def test_desk_second_call_never_covers_what_is_typed(context: BrowserContext, world: World) -> None:
    """A second call waits as a bar while the note keeps text and focus; it says why when it ends."""
    page = await on_desk(context, world)
    await world.play("ring", "answer")
    first = await card_in(page, "talking")
    await page.get_by_test_id("note").fill(NOTE)
    await world.play("second")
    await expect(page.get_by_test_id("second-call-bar")).to_contain_text("欧阳文静")
    assert await page.get_by_test_id("pop-card").get_attribute("data-pop-id") == first
    await expect(page.get_by_test_id("note")).to_be_focused()
    await page.keyboard.type("！")
    await expect(page.get_by_test_id("note")).to_have_value(NOTE + "！")
    await page.keyboard.press("Alt+s")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("欧阳文静")
    await page.keyboard.press("Alt+s")
    await expect(page.get_by_test_id("note")).to_have_value(NOTE + "！")
    await world.play("abandoned")
    await expect(page.get_by_test_id("bar-close-reason")).to_have_text("客户已挂断")
    await expect(page.get_by_test_id("second-call-bar")).to_have_count(0)


async def test_desk_closed_pop_says_why_and_leaves(context: BrowserContext, world: World) -> None:
    """A pop that a colleague answered says so and goes, and stays in the list of recent calls."""
    page = await on_desk(context, world)
    await world.play("ring")
    await card_in(page, "ringing")
    await world.play("elsewhere")
    await expect(page.get_by_test_id("pop-close-reason")).to_have_text("已由 1023 接听")
    await card_in(page, "closed")
    await expect(page.get_by_test_id("pop-card")).to_have_count(0)
    await expect(page.get_by_test_id("recent-call").first).to_contain_text("已由 1023 接听")


async def test_desk_note_survives_the_tab_and_is_handed_in(context: BrowserContext, world: World) -> None:
    """Note and disposition are there in a new tab, and Ctrl-Enter hands them in after the call."""
    page = await on_desk(context, world)
    await world.play("ring", "answer")
    await card_in(page, "talking")
    await page.keyboard.press("Alt+n")
    await page.keyboard.type(NOTE)
    await page.keyboard.press("Alt+2")
    await expect(page.get_by_test_id("wrapup-done")).to_be_disabled()
    await page.close()
    page = await context.new_page()
    await page.goto(world.base)
    pop = await card_in(page, "talking")
    await expect(page.get_by_test_id("note")).to_have_value(NOTE)
    chosen = page.locator('[data-testid="disposition-option"][aria-checked="true"]')
    await expect(chosen).to_have_attribute("data-value", "催派")
    assert (await world.seen())["drafts"][pop] == {"note": NOTE, "disposition": "催派"}
    await world.play("hangup")
    await card_in(page, "wrapup")
    await expect(page.get_by_test_id("wrapup-countdown")).to_contain_text("剩余")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_test_id("pop-card")).to_have_count(0)
    assert f"POST /pops/{pop}/wrapup" in (await world.seen())["requests"]


async def test_desk_closed_card_stays_while_somebody_types(context: BrowserContext, world: World) -> None:
    """A card that ends under the agent's hands keeps its note until Esc; the new call waits."""
    page = await on_desk(context, world)
    await world.play("ring")
    pop = await card_in(page, "ringing")
    await page.get_by_test_id("note").fill(NOTE)
    await world.play("abandoned", "second")
    await expect(page.get_by_test_id("pop-close-reason")).to_have_text("客户已挂断")
    await expect(page.get_by_test_id("second-call-bar")).to_be_visible()
    await page.keyboard.type("…")
    assert await page.get_by_test_id("pop-card").get_attribute("data-pop-id") == pop
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("欧阳文静")
    await expect(page.get_by_test_id("recent-call").first).to_contain_text("备注未提交")


async def test_desk_comes_back_without_losing_the_card(context: BrowserContext, world: World) -> None:
    """The service goes and returns: banner, card and note stay, and the unsaved note is sent."""
    page = await on_desk(context, world)
    await world.play("ring", "answer")
    pop = await card_in(page, "talking")
    await world.play("down")
    banner = page.get_by_test_id("conn-banner")
    await expect(banner).to_have_attribute("data-kind", "service-down")
    await page.get_by_test_id("note").fill(NOTE)
    await expect(page.get_by_test_id("draft-state")).to_contain_text("已存本机")
    await world.play("up")
    await expect(banner).to_have_attribute("data-kind", "recovered", timeout=SOON * 2)
    assert await card_in(page, "talking") == pop
    await expect(page.get_by_test_id("note")).to_have_value(NOTE)
    await expect(page.get_by_test_id("draft-state")).to_have_text("已存草稿")
    assert (await world.seen())["drafts"][pop]["note"] == NOTE


async def test_desk_call_that_ended_meanwhile_is_closed_on_return(
    context: BrowserContext, world: World
) -> None:
    """A pop that is missing in the snapshot after a reconnect says so and leaves."""
    page = await on_desk(context, world)
    await world.play("ring")
    await card_in(page, "ringing")
    await world.play("away")
    await expect(page.get_by_test_id("pop-close-reason")).to_have_text("在您离开期间通话已结束")
    await expect(page.get_by_test_id("pop-card")).to_have_count(0)


async def test_desk_notices_a_silent_connection(context: BrowserContext, world: World) -> None:
    """A socket that is open but says nothing is given up after the ping, and the page comes back."""
    page = await on_desk(context, world)
    before = (await world.seen())["sockets"]
    await world.play("silent")
    # what a computer does on waking: the page tests the connection at once
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await expect(page.get_by_test_id("conn-banner")).to_have_attribute("data-kind", "service-down")
    await world.play("silent")
    await expect(page.get_by_test_id("link-service")).to_have_attribute("data-ok", "true", timeout=SOON * 2)
    assert before == 1


async def test_desk_tells_of_the_time_without_the_pbx(context: BrowserContext, world: World) -> None:
    """While the PBX is away the page says so; afterwards it says for how long."""
    page = await on_desk(context, world)
    await world.play("pbxdown")
    banner = page.get_by_test_id("conn-banner")
    await expect(banner).to_have_attribute("data-kind", "pbx-down")
    await expect(page.get_by_test_id("link-pbx")).to_have_attribute("data-ok", "false")
    await page.keyboard.press("Alt+b")
    await page.keyboard.press("1")
    await expect(page.get_by_text("暂时不能改变状态")).to_be_visible()
    await world.play("pbxup")
    await expect(banner).to_have_text(re.compile("与交换机断开 12 秒，已恢复"))


async def test_desk_own_state_is_switched_by_keys(context: BrowserContext, world: World) -> None:
    """Alt-B 2 goes to lunch, Alt-A comes back; the switch shows what the PBX confirmed."""
    page = await on_desk(context, world)
    switch = page.get_by_test_id("state-switch")
    await page.keyboard.press("Alt+b")
    await page.keyboard.press("2")
    await expect(switch).to_have_attribute("data-state", "paused")
    await expect(switch).to_contain_text("就餐")
    await page.keyboard.press("Alt+a")
    await expect(switch).to_have_attribute("data-state", "available")


async def test_desk_search_finds_and_opens_by_keys_alone(context: BrowserContext, world: World) -> None:
    """Ctrl-K, a few digits, Enter: the waybill with its events is open; Esc closes it."""
    page = await on_desk(context, world)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("LD1002002877")
    await expect(page.get_by_test_id("search-result")).to_have_count(1)
    await page.keyboard.press("Enter")
    detail = page.get_by_test_id("waybill-detail")
    await expect(detail).to_contain_text("货物破损")
    await expect(detail).to_contain_text("已揽收")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("side-panel")).to_have_count(0)


async def test_desk_complaint_is_written_from_the_card(context: BrowserContext, world: World) -> None:
    """Alt-C opens the complaint beside the card with the waybill filled in; missing parts are named."""
    page = await on_desk(context, world)
    await world.play("ring", "answer")
    await card_in(page, "talking")
    await page.keyboard.press("Alt+c")
    await expect(page.get_by_test_id("complaint-waybill")).to_have_value("LD1002003001")
    await page.get_by_test_id("complaint-submit").click()
    await expect(page.get_by_text("请写下客户所述")).to_be_visible()
    await page.get_by_test_id("complaint-category").first.click()
    await page.get_by_test_id("complaint-text").fill("冷链药品晚到 6 小时")
    await page.get_by_test_id("complaint-submit").click()
    await expect(page.get_by_text(re.compile("投诉已登记，编号"))).to_be_visible()
    await expect(page.get_by_test_id("pop-card")).to_be_visible()


async def test_desk_number_is_shown_only_on_request(context: BrowserContext, world: World) -> None:
    """The whole number appears after Alt-R, which asks the service (and is logged there)."""
    page = await on_desk(context, world)
    await world.play("ring")
    await card_in(page, "ringing")
    await expect(page.get_by_test_id("pop-number")).to_have_text("138****8000")
    assert "POST /reveal" not in (await world.seen())["requests"]
    await page.keyboard.press("Alt+r")
    await expect(page.get_by_test_id("pop-number")).to_have_text("13800138000")
    assert "POST /reveal" in (await world.seen())["requests"]


async def test_desk_hostile_texts_stay_texts(context: BrowserContext, world: World) -> None:
    """Markup in names and menu texts is shown as written; no script runs, no policy is broken."""
    said: list[str] = []
    page = await on_desk(context, world)
    page.on("console", lambda m: said.append(m.text))
    page.on("pageerror", lambda e: said.append(str(e)))
    page.on("dialog", lambda d: said.append(d.message))
    await world.play("nasty")
    await card_in(page, "ringing")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("<img src=x onerror=alert(1)>")
    assert await page.locator("[data-testid=pop-card] img, [data-testid=pop-card] script").count() == 0
    box = await page.get_by_test_id("note").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 768
    assert said == []


async def test_desk_closed_doors_say_so(context: BrowserContext, world: World) -> None:
    """An agent at the supervisor's door reads why it is closed; a wrong address says so too."""
    page = await on_desk(context, world)
    await page.goto(world.base + "/supervisor")
    await expect(page.get_by_test_id("no-access")).to_contain_text("没有权限")
    await page.goto(world.base + "/no/such/page")
    await expect(page.get_by_test_id("not-found")).to_be_visible()


async def test_desk_supervisor_reads_the_ledger(context: BrowserContext, world: World) -> None:
    """The supervisor lands on the ledger; the chosen agent is kept in the address."""
    page = await sign_in(context, world, "boss")
    await expect(page.get_by_test_id("ledger-row")).to_have_count(40)
    await expect(page.get_by_test_id("gaps")).to_contain_text("断开 00:12")
    await page.get_by_test_id("ledger-agent").select_option("1007")
    await expect(page.get_by_test_id("ledger-row")).to_have_count(10)
    assert page.url.endswith("/supervisor?agent=1007")
    await page.reload()
    await expect(page.get_by_test_id("ledger-row")).to_have_count(10)


async def test_desk_speaks_english_and_turns_dark(context: BrowserContext, world: World) -> None:
    """Language and appearance are switched in place and kept."""
    page = await on_desk(context, world)
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


SPY = """
window.rung = []; window.notes = 0
document.hasFocus = () => false
window.Notification = class {
  static permission = 'granted'
  constructor(title, options) { window.rung.push(`${title} | ${options.body}`) }
  close() { window.rung.push('closed') }
}
const create = AudioContext.prototype.createOscillator
AudioContext.prototype.createOscillator = function () { window.notes += 1; return create.call(this) }
"""


async def test_desk_rings_and_notifies_in_the_leading_tab_until_answered(
    context: BrowserContext, world: World
) -> None:
    """The leading tab sounds and notifies while it rings and takes both back; the other tab is silent."""
    await context.add_init_script(SPY)
    first = await on_desk(context, world)
    second = await context.new_page()
    await second.goto(world.base)
    await expect(second.get_by_test_id("tab-role")).to_have_attribute("data-leader", "false")
    await second.locator("body").click()  # a browser lets a page sound after a click; this one must not
    await first.locator("body").click()
    await world.play("ring")
    await card_in(first, "ringing")
    await card_in(second, "ringing")
    await comes_true(first, "window.notes >= 2 && window.rung.length === 1")
    assert await first.evaluate("window.rung") == ["来电：王建国先生 | VIP客户 138****8000 VIP 专席"]
    await world.play("answer")
    await comes_true(first, "window.rung.length === 2")
    assert await first.evaluate("window.rung[1]") == "closed"
    assert await second.evaluate("[window.notes, window.rung]") == [0, []]


async def test_desk_ended_sign_in_leads_to_the_door_with_a_reason(
    context: BrowserContext, world: World
) -> None:
    """A token that no longer counts ends at the sign-in page, which says why; the note is kept."""
    page = await on_desk(context, world)
    await world.play("ring", "answer")
    await card_in(page, "talking")
    await page.get_by_test_id("note").fill(NOTE)
    await world.play("expire")
    await expect(page.get_by_text("登录已过期")).to_be_visible()
    await page.get_by_test_id("login-username").fill("1001")
    await page.get_by_test_id("login-password").fill("1001")
    await page.get_by_test_id("login-submit").click()
    await card_in(page, "talking")
    await expect(page.get_by_test_id("note")).to_have_value(NOTE)


async def test_desk_answered_second_call_comes_up_over_an_idle_wrap_up(
    context: BrowserContext, world: World
) -> None:
    """Who is now in talk lies on top; the card before it waits with its unfinished note."""
    page = await on_desk(context, world)
    await world.play("ring", "answer", "hangup")
    await card_in(page, "wrapup")
    await page.get_by_test_id("pop-name").click()  # nobody types
    await world.play("second")
    await expect(page.get_by_test_id("second-call-bar")).to_contain_text("欧阳文静")
    await world.play("answer")
    await card_in(page, "talking")
    await expect(page.get_by_test_id("pop-name")).to_contain_text("欧阳文静")
    await expect(page.get_by_test_id("second-call-bar")).to_contain_text("话后未提交")
