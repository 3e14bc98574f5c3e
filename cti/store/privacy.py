"""Personal data as tasks of a whole store: erase with the files, expire in batches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cti.config import Settings
from cti.domain.phone import Plan
from cti.store.db import Database
from cti.store.repos import expire as rules_of_days
from cti.store.repos.erase import erase_person
from cti.store.repos.personal import find_person

ERASE_S = 60.0


def unlinker(settings: Settings) -> Callable[[str], None]:
    """Deletes a sound file by its name, wherever recordings and voice messages lie."""
    folders = {settings.recordings, settings.asterisk.directory / "spool" / "monitor"}

    def unlink(name: str) -> None:
        if Path(name).name == name:
            for folder in folders:
                (folder / name).unlink(missing_ok=True)

    return unlink


def erase(
    db: Database, settings: Settings, text: str, plan: Plan, *, at: datetime, who: str
) -> tuple[int | None, dict[str, int]]:
    """Erase whoever `text` names (编号, #id or number); the customer's id, and what went by kind."""
    with db.begin() as conn:
        person = find_person(conn, text, plan)
        counts = erase_person(conn, person, at=at, who=who, unlink=unlinker(settings))
    return person.id, counts


def expire(
    db: Database,
    settings: Settings,
    *,
    now: datetime,
    who: str,
    dry_run: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, int]:
    """Everything past its days, in batches, each a transaction of its own; how many rows by kind."""
    counts: dict[str, int] = {}
    for rule in rules_of_days.rules(settings.privacy, settings.events, now):
        counts[rule.label] = 0
        while not stop():
            with db.begin(write=not dry_run) as conn:
                n = rules_of_days.expire(conn, rule, dry_run=dry_run, now=now, who=who)
            counts[rule.label] += n
            if dry_run or n < rules_of_days.BATCH:
                break
    if not dry_run and not stop():
        with db.begin() as conn:
            rules_of_days.done(conn, counts, now=now, who=who)
    return counts
