"""``laidian settings``: every key of ``laidian.toml`` with its meaning, default and environment name."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cti.commands.output import Subparsers, add_command, dump

if TYPE_CHECKING:
    from pydantic import BaseModel


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "settings",
        _run,
        "每一个设置: key, default, meaning, environment variable",
        examples="  laidian settings\n  laidian settings --json",
        json_output=True,
    )
    parser.add_argument("--markdown", action="store_true", help="as docs/settings.md")


def _run(args: argparse.Namespace) -> int:
    from cti.config import Settings

    found = list(keys(Settings))
    if args.json:
        dump(found)
    elif args.markdown:
        print(markdown(found), end="")
    else:
        for row in found:
            print(f"{row['key']} = {row['default']}\n    {row['meaning']}")
    return 0


def keys(model: type[BaseModel], prefix: str = "", *, listed: bool = False) -> Iterator[dict[str, str]]:
    """One row a key, sections walked in the order of the file."""
    for name, field in model.model_fields.items():
        inner, many = _section(field.annotation)
        key = f"{prefix}{name}"
        if inner is not None:
            yield from keys(inner, f"{key}[]." if many else f"{key}.", listed=listed or many)
            continue
        yield {
            "key": key,
            "default": "（必填 · required）"
            if field.is_required()
            else _shown(field.get_default(call_default_factory=True)),
            "meaning": field.description or "",
            "env": "" if listed else "LAIDIAN_" + key.upper().replace(".", "__"),
        }


def _section(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    from typing import get_args

    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for inner in get_args(annotation):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner, True
    return None, False


def _shown(value: Any) -> str:
    if hasattr(value, "get_secret_value"):
        return '""'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value}" if isinstance(value, int | float) else "" if value is None else f'"{value}"'


def markdown(rows: list[dict[str, str]]) -> str:
    """The reference page; a test holds it equal to what the code knows."""
    head = (
        "# 设置 · Settings\n\n"
        "一个文件 `laidian.toml`；每个键也可用环境变量（列表 `[]` 除外）。错误一次全部列出。\n"
        "One file, `laidian.toml`; each key also as an environment variable (lists `[]` excepted).\n"
        "Written by `laidian settings --markdown > docs/settings.md`.\n\n"
        "| key | default | 含义 · meaning | environment |\n|---|---|---|---|\n"
    )
    table = str.maketrans({"|": "\\|"})
    return head + "".join(
        f"| `{r['key']}` | {('`' + r['default'].translate(table) + '`') if r['default'] else ''} "
        f"| {r['meaning'].translate(table)} | {('`' + r['env'] + '`') if r['env'] else ''} |\n"
        for r in rows
    )
