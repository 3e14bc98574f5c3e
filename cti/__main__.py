"""The command line ``laidian``: finds the command, runs it, turns our errors into one sentence."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

from cti import __version__, commands
from cti.errors import LaidianError


def parser() -> argparse.ArgumentParser:
    """The whole command line; every module of ``cti.commands`` with a ``register`` adds its part."""
    top = argparse.ArgumentParser(prog="laidian", description="来电: CTI for courier hotlines on Asterisk")
    top.add_argument("--version", action="version", version=f"laidian {__version__}")
    subparsers = top.add_subparsers(metavar="COMMAND", required=True)
    for module in sorted(m.name for m in pkgutil.iter_modules(commands.__path__)):
        register = getattr(importlib.import_module(f"{commands.__name__}.{module}"), "register", None)
        if register is not None:
            register(subparsers)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; exit status 2 and one sentence on stderr for what is the user's to mend."""
    args = parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except LaidianError as e:
        print(f"laidian: {e}", file=sys.stderr)  # noqa: T201
        return 2
    except BrokenPipeError:
        # the reader went away (``laidian … | head``): not an error, but stdout must not be flushed again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
