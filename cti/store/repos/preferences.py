"""偏好 of a customer (XJ 5.2.5): the named traits and whatever else was noted, changed as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.store.repos.build import TRAITS
from cti.store.repos.people import add_audit
from cti.store.repos.records import StaleVersion
from cti.store.tables import customers

MOST = 1000  # characters of one
EDITABLE = {label: column for column, label in TRAITS.items() if column != "payment"}
KEPT = tuple(label for label in TRAITS.values() if label not in EDITABLE)  # not a matter of taste


def preferences_of(row: Mapping[Any, Any]) -> dict[str, str]:
    """What may be edited, the named ones first."""
    named = {label: row[column] for label, column in EDITABLE.items() if row[column]}
    return {**named, **{str(k): str(v) for k, v in (row["preferences"] or {}).items()}}


def edit_preferences(
    conn: Connection,
    customer_id: int,
    given: Mapping[str, str],
    *,
    version: int,
    at: datetime,
    who: str,
    remote: str = "",
    seen: Callable[[str], str] = str,
) -> tuple[int, dict[str, str]] | None:
    """Replace the preferences; returns version and result, None if there is no such customer.

    StaleVersion if somebody changed the customer since `version`. `seen` is how the person saw the texts:
    one that comes back as it was shown is left as it is, so that a masked number is not saved masked.
    """
    query = sa.select(customers).where(customers.c.id == customer_id).with_for_update()
    row = conn.execute(query).mappings().first()
    if row is None:
        return None
    if row["version"] != version:
        raise StaleVersion(f"customer {customer_id} is at version {row['version']}, not {version}")
    before = preferences_of(row)
    wanted = {}
    for name, text in given.items():
        old = before.get(name, "")
        kept = old if old and text == seen(old) else text.strip()
        if kept and name.strip() and name not in KEPT:
            wanted[name.strip()] = kept[:MOST]
    if wanted == before:
        return version, before
    values: dict[str, Any] = {column: wanted.get(label, "") for label, column in EDITABLE.items()}
    values["preferences"] = {k: v for k, v in wanted.items() if k not in EDITABLE}
    same = sa.update(customers).where(customers.c.id == customer_id, customers.c.version == version)
    conn.execute(same.values(**values, version=version + 1, updated_at=at))
    changed = sorted(n for n in {*before, *wanted} if before.get(n) != wanted.get(n))
    add_audit(
        conn,
        at=at,
        who=who,
        action="edit",
        subject=f"customer:{customer_id}",
        detail={"preferences": changed},
        remote=remote,
    )
    return version + 1, {**{n: wanted[n] for n in EDITABLE if n in wanted}, **values["preferences"]}
