"""Customers by parts of their names, over the search terms of `grams`: some that match, quickly, not all."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from cti.store.repos.common import driver_rows

# FTS5 walks its lists row by row and stops at the limit
_SQLITE = """
    SELECT c.id, c.name FROM customers_fts f CROSS JOIN customers c ON c.id = f.rowid
    WHERE f.customers_fts MATCH :terms LIMIT :most
"""

# A GIN index collects every match before it gives the first one, and a planner that knows of the limit walks
# through the table instead. So what is common (公司) is found in eight short stretches of the customers,
# which costs a millisecond or two, …
_STRETCHES = """
    SELECT spot.id, spot.name FROM generate_series(1, 8) part, LATERAL (
        SELECT id, name, grams FROM customers WHERE id <= (SELECT max(id) FROM customers) * part / 8
        ORDER BY id DESC LIMIT 250
    ) spot WHERE spot.grams @> %(terms)s::text[] LIMIT %(most)s
"""
# … and only what is rare goes to the index, which the planner takes where it sees no limit.
_INDEX = """
    WITH found AS MATERIALIZED (SELECT id, name FROM customers WHERE grams @> %(terms)s::text[])
    SELECT id, name FROM found LIMIT %(most)s
"""


def by_part(conn: Connection, terms: Sequence[str], *, enough: int, most: int) -> dict[int, str]:
    """Customers that have all terms, with their names: `most`, and all where they are fewer than `enough`."""
    if conn.dialect.name == "sqlite":
        match = " AND ".join(f'"{term}"' for term in terms)
        return _names(conn, _SQLITE, {"terms": match, "most": most})
    asked = {"terms": list(terms), "most": most}
    found = _names(conn, _STRETCHES, asked)
    return found if len(found) >= enough else _names(conn, _INDEX, asked)


def _names(conn: Connection, text: str, values: dict[str, object]) -> dict[int, str]:
    return {row["id"]: row["name"] for row in driver_rows(conn, text, values)}
