"""Alembic migrations, run by the program itself: ``laidian init-db`` and the service's start.

No alembic.ini: the scripts lie beside this file and the connection is the store's own.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData
from sqlalchemy.engine import Connection

from cti.store.db import Database
from cti.store.tables import metadata


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def all_tables() -> MetaData:
    """The tables of every ``cti.store.tables*`` module: what the newest revision must equal."""
    import cti.store

    for module in pkgutil.iter_modules(cti.store.__path__):
        if module.name.startswith("tables"):
            importlib.import_module(f"cti.store.{module.name}")
    return metadata


def head() -> str:
    """The revision that this program needs."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(connection: Connection) -> str | None:
    """The revision of a store, None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring a store to a revision in one transaction; returns the revision before and after."""
    with database.begin() as connection:
        before = current(connection)
        command.upgrade(_config(connection), revision)
        return before, current(connection)


def downgrade(database: Database, revision: str) -> None:
    """Go back to a revision, ``base`` for none. Loses what only later revisions can hold."""
    with database.begin() as connection:
        command.downgrade(_config(connection), revision)
