"""``laidian phone``: what a caller's number is, and the key it is looked up by."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from cti.domain import phone


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "phone",
        run,
        "class, key and rule of a phone number (号码归一)",
        examples="  laidian phone 013800138000\n  laidian phone 0755-86013388-8001 --json",
        json_output=True,
        config=True,
    )
    parser.add_argument("number", help="as the trunk or a person wrote it")
    parser.add_argument("--home-area", metavar="CODE", help="区号 for local-only digits (default: settings)")


def run(args: argparse.Namespace) -> int:
    from cti.domain import phone

    number = phone.parse(args.number, _plan(args.config, args.home_area))
    if args.json:
        dump(
            {
                "input": number.input,
                "class": number.cls.value,
                "key": number.key,
                "extension": number.extension,
                "rule": number.rule,
                "maybe_virtual": number.maybe_virtual,
            }
        )
        return 0
    from cti.places import place_of

    facts = {
        "输入": number.input,
        "类别": number.cls.value,
        "键": number.key or "（不查询）",
        "显示": number.display,
        "分机": number.extension,
        "归属地": place_of(number),
        "规则": number.rule,
        "提示": "可能是虚拟号（中间号）" if number.maybe_virtual else "",
    }
    for label, value in facts.items():
        if value:
            print(f"{label}\t{value}")
    return 0


def _plan(config: Path | None, home_area: str | None) -> phone.Plan:
    """The owner's plan; the settings are read only where there are any, they cost more than the answer."""
    import re

    from cti.domain import phone
    from cti.errors import UsageError

    plan = phone.DEFAULT_PLAN
    if config or Path("laidian.toml").exists() or any(k.startswith("LAIDIAN_PHONE") for k in os.environ):
        from cti.config import load

        settings = load(config).phone
        plan = phone.Plan(settings.home_area, re.compile(settings.internal))
    if home_area is None:
        return plan
    if not re.fullmatch(r"(0\d{2,3})?", home_area):
        raise UsageError(f"--home-area {home_area!r} is not an area code like 0755")
    return phone.Plan(home_area, plan.internal)
