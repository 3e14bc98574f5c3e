"""``laidian doctor``: checks everything that is needed and says what is missing, and how to mend it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from cti.commands.output import Subparsers, add_command, dump
from cti.errors import LaidianError

if TYPE_CHECKING:
    from cti.config import AmiNode, Settings

MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}
AMI_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `state` is ok, warn (works without) or fail."""

    check: str
    state: str
    text: str


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    add_command(
        subparsers,
        "doctor",
        _run,
        "检查需要的一切: settings, store, PBX, pages, prompts, flows, speech; says what is missing",
        examples="  laidian doctor\n  laidian doctor --config /etc/laidian.toml --json",
        json_output=True,
        config=True,
    )


def _run(args: argparse.Namespace) -> int:
    from cti import config, obs

    obs.configure("ERROR")
    try:
        settings = config.load(args.config)
    except LaidianError as e:
        found = [Finding("settings", "fail", str(e))]
    else:
        found = [Finding("settings", "ok", "可读，没有错误")]
        for check in CHECKS:
            found += _careful(check, settings)
    if args.json:
        dump([asdict(f) for f in found])
    else:
        for f in found:
            print(f"{MARKS[f.state]} {f.check:<10} {f.text}")
    return 1 if any(f.state == "fail" for f in found) else 0


def _careful(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    """A check that is refused is a finding, not the end of the examination."""
    try:
        yield from check(settings)
    except (LaidianError, OSError) as e:
        yield Finding(check.__name__.strip("_"), "fail", str(e))


def _store(settings: Settings) -> Iterator[Finding]:
    from cti.store import migrations
    from cti.store.db import Database
    from cti.store.repos.people import list_users
    from cti.store.repos.representatives import crowded

    database = Database(settings.store.url)
    where = database.url.render_as_string(hide_password=True)
    try:
        with database.begin(write=False) as conn:
            now, newest = migrations.current(conn), migrations.head()
            if now != newest:
                yield Finding(
                    "store", "fail", f"{where}：表还是 {now or '空'}，需要 {newest}；执行 laidian init-db"
                )
                return
            users = [u for u in list_users(conn) if not u.disabled]
            many = crowded(conn, settings.routing.representative_customers)
    finally:
        database.close()
    yield Finding("store", "ok", f"{where}，版本 {newest}")
    people = {u.agent for u in users if u.agent}
    missing = [a.number for a in settings.agents if a.number not in people]
    if not users:
        yield Finding("users", "fail", "没有可以登录的用户；执行 laidian user add")
    elif missing:
        yield Finding("users", "warn", f"座席 {'、'.join(missing)} 还没有登录用户；执行 laidian user add")
    else:
        yield Finding("users", "ok", f"{len(users)} 个用户")
    if many:
        listed = "、".join(f"{agent}（{count} 位）" for agent, count in many)
        most = settings.routing.representative_customers
        yield Finding("representatives", "warn", f"专属客服名下客户超过 {most} 位：{listed}；请分给其他座席")


def _ami(settings: Settings) -> Iterator[Finding]:
    import asyncio

    if not settings.ami:
        yield Finding("ami", "fail", "没有 [[ami]] 节点，弹屏听不到来电；在 laidian.toml 里加一个")
    for node in settings.ami:
        yield asyncio.run(_node(node))


async def _node(node: AmiNode) -> Finding:
    from cti.ami.client import AmiClient

    class Deaf:
        """Listens to nothing: only the login is of interest."""

        def messages(self, *_: object) -> None: ...
        def resync(self, *_: object) -> None: ...
        def gap(self, *_: object) -> None: ...

    where = f"{node.name} {node.host}:{node.port}"
    async with AmiClient(node, Deaf()) as client:
        try:
            await client.wait_ready(AMI_S)
        except LaidianError as e:
            return Finding("ami", "fail", f"{where}：{e}")
    return Finding("ami", "ok", f"{where}：已登录")


def _phones(settings: Settings) -> Iterator[Finding]:
    import asyncio

    from screenpop.phone.devices import browser_phones, phone_node

    phones = browser_phones(settings)
    if not phones:
        yield Finding("phones", "ok", "没有网页话机（asterisk.softphones）")
        return
    node = phone_node(settings)
    if node is None:
        yield Finding(
            "phones", "fail", "网页话机需要 REST 接口：在 [[ami]] 里设 ari_url、ari_username、ari_secret"
        )
        return
    yield asyncio.run(_way_to_sip(node, len(phones)))


async def _way_to_sip(node: AmiNode, count: int) -> Finding:
    import aiohttp

    from cti.ari.client import AriClient
    from screenpop.phone.relay import open_line

    async with AriClient(node) as ari, aiohttp.ClientSession(trust_env=False) as http:
        try:
            told = await ari.request("GET", "asterisk", "info", params={"only": "system"})
        except LaidianError as e:
            return Finding("phones", "fail", f"REST 接口 {node.ari_url}：{e}")
        version = told.get("system", {}).get("version", "") if isinstance(told, dict) else ""
        try:
            async with open_line(http, node):
                pass
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            why = type(e).__name__
            return Finding(
                "phones",
                "fail",
                f"REST 接口可用，但 SIP over WebSocket 不通（{why}）：http.conf、transport-ws",
            )
    return Finding(
        "phones", "ok", f"{count} 部网页话机，{node.name} 的 REST 接口与 WebSocket 可用（{version}）"
    )


def _asterisk(_: Settings) -> Iterator[Finding]:
    import shutil

    from asterisk_conf.locate import locate
    from cti.errors import Unavailable

    try:
        yield Finding("asterisk", "ok", f"本机可运行：{locate(build=False).root}")
    except Unavailable as e:
        yield Finding("asterisk", "warn", f"{e}（只有 laidian asterisk up 和演示需要）")
    if shutil.which("sipp") is None:
        yield Finding("sipp", "warn", "没有 SIPp：演示和测试的模拟话机需要它（apt-get install sip-tester）")


def _pages(_: Settings) -> Iterator[Finding]:
    from screenpop.api.app import DIST

    if (DIST / "index.html").exists():
        yield Finding("pages", "ok", "座席页面已构建")
    else:
        yield Finding("pages", "fail", "座席页面还没有构建；执行 make setup")


def _journal(settings: Settings) -> Iterator[Finding]:
    import os

    folder = settings.pop.journal.expanduser().absolute()
    nearest = next(p for p in (folder, *folder.parents) if p.exists())
    if os.access(nearest, os.W_OK):
        yield Finding("journal", "ok", f"可写：{folder}")
    else:
        yield Finding("journal", "fail", f"不能写：{nearest}；改权限或改 pop.journal")


def _flows(settings: Settings) -> Iterator[Finding]:
    if not settings.agi.enabled:
        yield Finding("flows", "ok", "自助语音未启用（agi.enabled）")
        return
    from ivr_flows import check

    queues = {q.name for q in settings.queues}
    flows, faults = check.check(queues=queues)
    if faults:
        yield Finding("flows", "fail", f"{len(faults)} 处错误，例如 {faults[0]}；执行 laidian flow check")
    else:
        yield Finding("flows", "ok", f"{len(flows)} 个流程，提示音齐全")


def _speech(settings: Settings) -> Iterator[Finding]:
    from cti.errors import Unavailable
    from cti.speech.choose import choose

    speech = settings.speech
    try:
        choice = choose(
            speech.engine, speech.models.expanduser(), vosk_folder=speech.vosk_model, may_pull=False
        )
    except Unavailable as e:
        yield Finding("speech", "fail" if settings.recording.enabled else "warn", str(e))
    else:
        yield Finding("speech", "ok", f"{choice.engine} / {choice.model}：{choice.reason}")


CHECKS = (_store, _ami, _phones, _asterisk, _pages, _journal, _flows, _speech)
