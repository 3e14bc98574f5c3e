"""``laidian asterisk``: the private Asterisk of the settings, and its files."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from asterisk_conf.instance import Instance, Status


def register(subparsers: Subparsers) -> None:
    """Add the group and its commands."""
    group = subparsers.add_parser(
        "asterisk",
        help="the private Asterisk: render, up, status, down",
        description="Fill Asterisk's files from the settings and run a private instance of it on loopback.",
    )
    commands = group.add_subparsers(metavar="locate|render|up|status|down", required=True)
    add_command(commands, "locate", run_locate, "find an Asterisk, or put one together", json_output=True)
    rendered = add_command(
        commands,
        "render",
        run_render,
        "write every file of asterisk.directory/etc",
        examples="  laidian asterisk render\n  laidian asterisk render --to /etc/asterisk",
        json_output=True,
        config=True,
    )
    rendered.add_argument("--to", type=Path, metavar="DIR", help="write the files there instead")
    add_command(commands, "up", run_up, "start it and wait until it is ready", json_output=True, config=True)
    add_command(
        commands,
        "status",
        run_status,
        "is it up, with how many channels",
        json_output=True,
        config=True,
    )
    add_command(commands, "down", run_down, "stop it", json_output=True, config=True)


def run_locate(args: argparse.Namespace) -> int:
    """Say where the Asterisk is that `up` would run; getting one takes a minute or two, once."""
    from asterisk_conf.locate import locate

    found = locate()
    if args.json:
        dump({"root": str(found.root), "program": str(found.program)})
    else:
        print(found.outside(found.program))
    return 0


def run_render(args: argparse.Namespace) -> int:
    """Write the configuration; nothing is started."""
    instance = _instance(args)
    folder = instance.render_to(args.to) if args.to else instance.render()
    names = sorted(p.name for p in folder.glob("*.conf"))
    if args.json:
        dump({"directory": str(folder), "files": names})
    else:
        print(f"{len(names)} files in {folder}")
    return 0


def run_up(args: argparse.Namespace) -> int:
    """Start it; already running is no error."""
    _print(_instance(args).up(), args.json)
    return 0


def run_status(args: argparse.Namespace) -> int:
    """Exit status 3 when it is down, as init scripts do."""
    status = _instance(args).status()
    _print(status, args.json)
    return 0 if status.running else 3


def run_down(args: argparse.Namespace) -> int:
    """Stop it; not running is no error."""
    instance = _instance(args)
    stopped = instance.down()
    if args.json:
        dump({"stopped": stopped, "directory": str(instance.home)})
    else:
        print("stopped" if stopped else "was not running")
    return 0


def _instance(args: argparse.Namespace) -> Instance:
    from asterisk_conf.instance import Instance
    from cti.config import load

    return Instance(load(args.config))


def _print(status: Status, as_json: bool) -> None:
    if as_json:
        dump(asdict(status))
        return
    if not status.running:
        print(f"down\t{status.directory}")
        return
    print(f"up\t{status.version}, pid {status.pid}, {status.uptime_s} s, {status.channels} channels")
    print(f"SIP\t{status.sip}\nAMI\t{status.ami}\nfolder\t{status.directory}")
    print(f"devices\t{' '.join(status.registrations) or 'none registered'}")
