"""Customers by parts of their names, over the search terms of `grams`: some that match, quickly, not all."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection

_TERMS = sa.bindparam("terms", type_=ARRAY(sa.Text))

# FTS5 walks its lists row by row and stops at the limit
_SQLITE = sa.text("SELECT rowid AS id FROM customers_fts WHERE customers_fts MATCH :terms LIMIT :most")

# A GIN index collects every match before it gives the first one, and a planner that knows of the limit walks
# through the table instead. So what is common (公司) is found in eight short stretches of the customers,
# which costs a millisecond or two, …
_STRETCHES = sa.text(
    """
    SELECT spot.id FROM generate_series(1, 8) part, LATERAL (
        SELECT id, grams FROM customers WHERE id <= (SELECT max(id) FROM customers) * part / 8
        ORDER BY id DESC LIMIT 250
    ) spot WHERE spot.grams @> :terms LIMIT :most
    """
).bindparams(_TERMS)
# … and only what is rare goes to the index, which the planner takes where it sees no limit.
_INDEX = sa.text(
    """
    WITH found AS MATERIALIZED (SELECT id FROM customers WHERE grams @> :terms)
    SELECT id FROM found LIMIT :most
    """
).bindparams(_TERMS)


def ids_by_part(conn: Connection, terms: Sequence[str], *, enough: int, most: int) -> list[int]:
    """Customers that have all terms: at most `most`, and all of them where they are fewer than `enough`."""
    if conn.dialect.name == "sqlite":
        match = " AND ".join(f'"{term}"' for term in terms)
        return [row.id for row in conn.execute(_SQLITE, {"terms": match, "most": most})]
    asked = {"terms": list(terms), "most": most}
    found = list(conn.execute(_STRETCHES, asked).scalars())
    return found if len(found) >= enough else list(conn.execute(_INDEX, asked).scalars())
