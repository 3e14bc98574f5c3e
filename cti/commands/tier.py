"""``laidian tier``: which tier a customer with these figures has, and why."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cti.commands.output import Subparsers, add_command, dump


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "tier",
        run,
        "tier and reason from a customer's figures (客户等级)",
        examples="  laidian tier --scheme sf --metrics '{\"monthly_revenue\": 12000}' --json\n"
        "  laidian tier --scheme abcd --list",
        json_output=True,
    )
    parser.add_argument("--scheme", default="sf", help="sf jingguang hubei_ems key_account yuantong abcd")
    parser.add_argument("--metrics", metavar="JSON", help="figures by name; money in 元")
    parser.add_argument("--file", type=Path, action="append", default=[], help="own scheme file (TOML)")
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="own value of a parameter"
    )
    parser.add_argument("--list", action="store_true", help="show the scheme instead")


def run(args: argparse.Namespace) -> int:
    from cti.domain.tiers import MetricsError, check_metrics
    from cti.errors import UsageError
    from cti.schemes import load_scheme

    scheme = load_scheme(args.scheme, args.file, _parameters(args.param))
    if args.list:
        return _show(scheme, as_json=args.json)
    if args.metrics is None:
        raise UsageError(f"--metrics is missing; scheme {scheme.name} asks for {', '.join(scheme.metrics)}")
    try:
        tier = scheme.classify(check_metrics(_object(args.metrics), lists=scheme.lists))
    except MetricsError as e:
        raise UsageError(str(e)) from e
    if args.json:
        dump({"scheme": scheme.name, "tier": tier.id, "label": tier.label, "reason": tier.reason})
    else:
        print(f"{tier.label}（{scheme.name} · {tier.id}）：{tier.reason}")
    return 0


def _object(text: str) -> dict[str, Any]:
    import json

    from cti.errors import UsageError

    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise UsageError(f"--metrics is not JSON: {e}") from e
    if not isinstance(value, dict):
        raise UsageError('--metrics must be a JSON object like {"monthly_revenue": 12000}')
    return value


def _parameters(given: list[str]) -> dict[str, float]:
    from cti.errors import UsageError

    values = {}
    for item in given:
        name, _, value = item.partition("=")
        try:
            values[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"--param {item!r} is not NAME=NUMBER") from None
    return values


def _show(scheme: Any, *, as_json: bool) -> int:
    tiers = [{"tier": t.id, "label": t.label, "priority": t.benefits.priority} for t in scheme.tiers]
    parameters = [
        {"name": p.name, "value": p.value, "label": p.label, "ours": p.ours}
        for p in scheme.parameters.values()
    ]
    if as_json:
        dump({"scheme": scheme.name, "label": scheme.label, "tiers": tiers, "parameters": parameters})
        return 0
    print(f"{scheme.label}（{scheme.name}，来源 {scheme.source}）")
    for tier in tiers:
        print(f"  {tier['tier']}\t{tier['label']}\t优先级 {tier['priority']}")
    for p in parameters:
        print(f"  {p['name']} = {p['value']:g}\t{p['label']}{'（系统默认，待确认）' if p['ours'] else ''}")
    return 0
