"""The schema that the migrations make is the schema that the code believes in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cti.store import migrations
from cti.store.db import Database


def _ours(obj: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Leave out SQLite's full-text table and PostgreSQL's index that does its work there."""
    return not str(name).startswith("customers_fts") and name != "ix_customers_grams"


def test_migrations_equal_metadata(empty_database_url: str) -> None:
    """After all migrations there is no difference left to the tables of the code."""
    database = Database(empty_database_url)
    before, after = migrations.upgrade(database)
    with database.begin() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": _ours, "compare_type": True, "compare_server_default": False}
        )
        differences = compare_metadata(context, migrations.all_tables())
    database.close()
    assert (before, after) == (None, migrations.head())
    assert differences == []


def test_migrations_go_down_and_up_again(empty_database_url: str) -> None:
    """Every migration can be taken back, leaving nothing, and applied again."""
    database = Database(empty_database_url)
    migrations.upgrade(database)
    migrations.downgrade(database, "base")
    with database.begin() as connection:
        left = set(sa.inspect(connection).get_table_names())
    migrations.upgrade(database)
    with database.begin() as connection:
        again = set(sa.inspect(connection).get_table_names())
    database.close()
    assert left == {"alembic_version"}
    assert set(migrations.all_tables().tables) <= again


def test_upgrade_of_a_current_store_changes_nothing(empty_database_url: str) -> None:
    """Running the migrations again is harmless."""
    database = Database(empty_database_url)
    migrations.upgrade(database)
    before, after = migrations.upgrade(database)
    database.close()
    assert before == after == migrations.head()


def test_postgres_has_the_index_for_names(postgres_url: str) -> None:
    """The GIN index over search terms exists, which the comparison above leaves out."""
    database = Database(postgres_url)
    with database.begin() as connection:
        names = {i["name"] for i in sa.inspect(connection).get_indexes("customers")}
    database.close()
    assert "ix_customers_grams" in names
