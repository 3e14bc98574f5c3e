"""The wall board in Chromium: figures, waiting by tier, clocks, what needs a hand; forcing an agent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Browser, Page, expect

from cti.domain.call import AgentEvent, AgentState, CallEventKind
from screenpop.wire_live import LiveFlag
from tests.plugins.browser import keep, signed_in
from tests.plugins.screenpop import WANG, PopLine

OTHER = "13500000001"
AGENTS = [
    {"number": f"{1001 + i}", "queues": ["hotline"] if i % 3 else ["hotline", "vip"]} for i in range(48)
]
QUEUES = [
    {"name": "hotline", "label": "普通热线", "wrapup_s": 30},
    {"name": "vip", "label": "VIP 专席", "wrapup_s": 30, "service_level_s": 15},
]


def furnish(line: PopLine, story: Any) -> Any:
    """A morning of a hotline, told at once; the call of 王小明, which 1002 talks about."""
    service, now = line.parts.ctx.service, datetime.now(UTC)
    states = [AgentState.AVAILABLE, AgentState.BUSY, AgentState.PAUSED, AgentState.OFFLINE, AgentState.BUSY]
    for i, agent in enumerate(AGENTS):
        state = states[i % 5]
        since = now - timedelta(seconds=37 * i)
        reason = ("小休", "就餐", "话后")[i % 3] if state is AgentState.PAUSED else ""
        service.hear(AgentEvent("pbx1", str(agent["number"]), state, since, reason))
    for n in range(40):
        done = story(f"2.{n}", OTHER, queue="vip" if n % 4 == 0 else "hotline")
        done.at = now - timedelta(minutes=2)
        line.hear(done.tell(CallEventKind.QUEUED))
        done.at += timedelta(seconds=n)
        kind = CallEventKind.ABANDONED if n % 9 == 8 else CallEventKind.ANSWERED
        line.hear(done.tell(kind, agent="" if n % 9 == 8 else "1047"))
        done.at += timedelta(seconds=20)
        line.hear(*done.over("1047"))
    for n, (number, ago) in enumerate(((WANG, 12), (OTHER, 41), (OTHER, 3))):
        waits = story(f"3.{n}", number, queue="vip" if number == WANG else "hotline")
        waits.at = now - timedelta(seconds=ago)
        line.hear(waits.tell(CallEventKind.ARRIVED), waits.tell(CallEventKind.QUEUED))
    call = story("4.1", WANG)
    line.hear(*call.rings("1002"), *call.answered("1002"))
    return call


async def dark(page: Page) -> None:
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_timeout(300)  # colours fade


async def test_board_is_read_at_a_glance(
    start_popline: Callable[..., Any], seeded_url: str, story: Any, browser: Browser
) -> None:
    """Waiting by tier, longest wait, service level, agents by state; red needs a hand; flagged phrases."""
    line: PopLine = await start_popline(seeded_url, agents=AGENTS, queues=QUEUES, floor={"wall_every_s": 0.2})
    call = furnish(line, story)
    complaints: list[str] = []
    page = await signed_in(browser, line.base, "boss", complaints, "/wall")
    await expect(page.get_by_test_id("wall-waiting").locator("dd")).to_have_text("3")
    await expect(page.get_by_test_id("wall-level").locator("dd")).to_have_text("44%")  # 18 of 41
    vip = page.locator('[data-testid="wall-queue"][data-queue="vip"]')
    await expect(vip.get_by_test_id("wall-tier")).to_contain_text("VIP客户")
    talking = page.locator('[data-testid="wall-agent"][data-agent="1002"]')
    await expect(talking).to_have_attribute("data-state", "talking")
    await expect(talking).to_contain_text("VIP客户")
    await expect(talking).to_contain_text("李二")
    await expect(page.locator('[data-testid="wall-agent"][data-hand="true"]').first).to_be_visible()
    await expect(page.locator('[data-testid="wall-agent"][data-state="offline"]')).to_have_count(0)
    await keep(page, "wall")
    await expect(page.get_by_test_id("wall-flag")).to_have_count(0)
    said: dict[str, Any] = {
        "rule": "OPN-02",
        "title": "禁语：喂，说话呀！",
        "heard": "喂说话呀",
        "sure": True,
    }
    flag = LiveFlag(flag="f1", at=datetime.now(UTC), agent="1002", queue="hotline", **said)
    line.parts.ctx.service.on_flag(call.key, flag)
    await expect(talking.get_by_test_id("wall-flag")).to_have_text("禁语 OPN-02")
    await keep(page, "wall-flag")
    line.hear(call.tell(CallEventKind.HELD, agent="1002"))
    await expect(talking).to_have_attribute("data-state", "hold")
    await page.locator('[data-testid="wall-state"][data-state="offline"]').click()
    await expect(page).to_have_url(f"{line.base}/wall?state=offline")
    await expect(page.locator('[data-testid="wall-agent"]').first).to_have_attribute("data-state", "offline")
    await page.get_by_test_id("wall-filter-queue").select_option("vip")
    await page.goto(f"{line.base}/wall?agent=1002&queue=hotline")
    await expect(page.get_by_test_id("agent-control")).to_have_attribute("data-agent", "1002")
    await expect(page.get_by_test_id("agent-control-flag")).to_contain_text("喂说话呀")
    await expect(page.get_by_test_id("wall-queue")).to_have_count(1)
    await dark(page)
    await keep(page, "wall-dark")
    line.hear(*call.over("1002"))
    pop = line.parts.ctx.service.book.pops_of_agent("1002")[0].id
    status, _ = await line.api(
        "POST", f"/pops/{pop}/wrapup", user="a1002", body={"note": "", "disposition": "查件"}
    )
    assert status == 202
    await expect(page.get_by_test_id("wall-flag")).to_have_count(0)
    assert complaints == []


async def test_supervisor_signs_an_agents_pages_out(popline: PopLine, story: Any, browser: Browser) -> None:
    """The agent's page says who did it and why, and asks to sign in; it is in the audit."""
    complaints: list[str] = []
    agent = await signed_in(browser, popline.base, "a1001", complaints)
    page = await signed_in(browser, popline.base, "boss", complaints, "/wall?agent=1001&state=offline")
    await expect(page.get_by_test_id("force-sign-out")).to_be_disabled()
    await page.get_by_test_id("force-why").fill("换班")
    await page.get_by_test_id("force-sign-out").click()
    await expect(agent.get_by_text("班长 已让您的页面退出：换班")).to_be_visible()
    await expect(agent.get_by_test_id("login-username")).to_be_visible()
    await keep(agent, "wall-signed-out")
    rows = await popline.parts.ctx.db.run(lambda c: _audit(c))
    assert rows == [
        ("boss", "agent:1001", {"action": "sign_out", "reason": "", "why": "换班", "before": "offline"})
    ]
    stale = {"action": "available", "why": "x", "seen": {"state": "break", "reason": "小休"}}
    status, body = await popline.api("POST", "/floor/agents/1001/state", user="boss", body=stale)
    assert (status, body["error"]["code"], body["error"]["detail"]["state"]) == (
        409,
        "changed_meanwhile",
        "offline",
    )
    status, _ = await popline.api("POST", "/floor/agents/1001/state", user="a1002", body=stale)
    assert status == 403


def _audit(conn: Any) -> list[tuple[str, str, dict[str, Any]]]:
    from cti.store.repos import list_audit

    found = [e for e in list_audit(conn) if e["action"] == "force_state"]
    return [(e["who"], e["subject"], e["detail"]) for e in found]
