"""What the repositories share: columns by name are checked, inserts that may repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from cti.errors import UsageError


def known(table: sa.Table, values: Mapping[str, Any]) -> None:
    """UsageError if `values` names a column that the table does not have."""
    unknown = sorted(set(values) - set(table.c.keys()))
    if unknown:
        raise UsageError(f"{table.name} has no column {', '.join(unknown)}")


def insert_or_skip(
    conn: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], on: Sequence[str]
) -> None:
    """Insert rows; those that exist already (by the unique columns `on`) stay as they are."""
    if rows:
        conn.execute(_skipping(conn.dialect.name, table, tuple(on)), [dict(row) for row in rows])


@cache
def _skipping(dialect: str, table: sa.Table, on: tuple[str, ...]) -> sa.Executable:
    """One statement object a table, so that SQLAlchemy need not work out again that it knows it."""
    statement: sa.Executable = upsert(dialect)(table).on_conflict_do_nothing(index_elements=on)
    return statement


def upsert(dialect: str) -> Any:
    """The dialect's own ``insert``, which knows ON CONFLICT."""
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as text, made once: to have SQLAlchemy put it together again costs more than to run it."""

    text: str
    constants: Mapping[str, Any]

    def rows(self, conn: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of `driver_rows`."""
        return driver_rows(conn, self.text, {**self.constants, **values})


def prepared(dialect: str, statement: sa.ClauseElement) -> Prepared:
    """The statement for ``sqlite`` or ``postgresql``; values are given by the names of its bindparams."""
    if dialect == "postgresql":
        # SQLAlchemy left this one untyped
        compiled = statement.compile(dialect=psycopg.dialect())  # type: ignore[no-untyped-call]
    else:
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
    return Prepared(str(compiled), compiled.params)


def driver_rows(conn: Connection, text: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a prepared text straight from the driver, inside of the connection's transaction.

    SQLAlchemy's result rows cost four times the query itself where a row has thirty columns (measured on
    SQLite), which matters on the pop's path and nowhere else. Errors are SQLAlchemy's, as everywhere.
    """
    driver: Any = conn.connection.driver_connection
    errors: Any = conn.dialect.loaded_dbapi.Error
    try:
        cursor = driver.execute(text, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except errors as e:
        lost = conn.dialect.is_disconnect(e, driver, None)
        if lost:
            conn.invalidate(e)
        raise DBAPIError.instance(
            text, None, e, errors, hide_parameters=True, connection_invalidated=lost, dialect=conn.dialect
        ) from e


def moment(value: Any) -> datetime | None:
    """A moment as the drivers or JSON give it: text or datetime, with or without zone (then UTC)."""
    if value is None:
        return None
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def day(value: Any) -> date | None:
    """A date as the drivers or JSON give it."""
    return value if value is None or isinstance(value, date) else date.fromisoformat(value)
