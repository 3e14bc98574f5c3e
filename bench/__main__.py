"""``python -m bench [NAME …]``: run the measures one after another and print what each found.

Each bench is a module here with ``main() -> dict``; it compares with its peers in the same run and writes
its figures to ``bench/results/NAME.json``. ``bench/RESULTS.md`` tells what they mean.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import subprocess
import sys

import bench

NOT_MEASURES = {"__main__", "machine", "report", "stolen"}


def names() -> list[str]:
    """Every measure of this folder, by module name."""
    return [
        m.name for m in pkgutil.iter_modules(bench.__path__) if m.name not in NOT_MEASURES and not m.ispkg
    ]


def main() -> int:
    """Run the chosen measures, each in a process of its own so that none warms or burdens the next."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[[], *names()], help="default: all")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        found = importlib.import_module(f"bench.{args.name[0]}").main()
        print(json.dumps(found, ensure_ascii=False, indent=1, default=str))
        return 0
    failed = []
    for name in args.name or names():
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", "bench", "--inside", name], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
