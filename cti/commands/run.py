"""``laidian run``: the service of the hotline, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cti.commands.output import Subparsers, add_command

if TYPE_CHECKING:
    import asyncio

    from cti.config import Settings

PARTS = ("web", "ami", "agi", "worker")


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "run",
        run,
        "运行服务: pops, pages and API, self-service; ends cleanly on SIGTERM",
        examples="  laidian run\n  laidian run --config /etc/laidian.toml\n  laidian run --only agi",
        config=True,
    )
    parser.add_argument(
        "--only",
        choices=PARTS,
        help="web: pages and API without the PBX · ami: calls and ledger without the web server · "
        "agi: self-service · worker: speech (pops need web and ami in one process)",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="with --only worker: so many (setting)")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)  # ends when this process is gone
    parser.add_argument("--log", choices=("json", "text"), default="json", help="form of the log on stderr")


def run(args: argparse.Namespace) -> int:
    """Run until told to stop."""
    import asyncio
    import sys

    import uvloop

    from cti import config, obs

    settings = config.load(args.config)
    obs.configure(json=args.log == "json")
    # so long a thread waits for the interpreter, at each row that it reads: by default 5 ms
    sys.setswitchinterval(0.0001)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, args))
    return 0


async def _serve(settings: Settings, args: argparse.Namespace) -> None:
    import asyncio
    import signal

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, _tell_tasks)
    if args.only == "worker":
        await _worker(settings, args, stop)
    elif args.only == "agi":
        from agi_scripts.host import serve

        await serve(settings, stop)
    else:
        await _pops(settings, args, stop)


def _tell_tasks() -> None:
    """SIGUSR1: what every task waits for, to stderr, for finding out why a service does not do its work."""
    import asyncio
    import sys

    for task in asyncio.all_tasks():
        task.print_stack(file=sys.stderr)


async def _pops(settings: Settings, args: argparse.Namespace, stop: asyncio.Event) -> None:
    import asyncio
    import contextlib

    from cti.collector import YOUNG_BESIDE_POPS, calm_collector, full_now_and_then
    from screenpop.root import running

    only = args.only

    async with contextlib.AsyncExitStack() as stack:
        service = await stack.enter_async_context(
            running(settings, web_server=only != "ami", pbx=only != "web")
        )
        if only is None and settings.agi.enabled:
            from agi_scripts.host import running as self_service

            await stack.enter_async_context(self_service(settings, service.ctx.db))
        if only is None and settings.recording.enabled and settings.quality.workers:
            from cti.speech.process import beside

            await stack.enter_async_context(beside(_worker_command(args)))
        with calm_collector(YOUNG_BESIDE_POPS, full=False):
            collecting = asyncio.create_task(full_now_and_then(), name="collector")
            await stop.wait()
            collecting.cancel()


def _worker_command(args: argparse.Namespace) -> list[str]:
    import os
    import sys

    command = [sys.executable, "-m", "cti", "run", "--only", "worker", "--parent", str(os.getpid())]
    return [*command, "--log", args.log, *(("--config", str(args.config)) if args.config else ())]


async def _worker(settings: Settings, args: argparse.Namespace, stop: asyncio.Event) -> None:
    import asyncio
    import threading

    from cti.speech.start import work

    over = threading.Event()
    count = args.workers or max(1, settings.quality.workers)
    job = asyncio.create_task(asyncio.to_thread(work, settings, over, workers=count, parent=args.parent))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({job, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    over.set()
    await job
