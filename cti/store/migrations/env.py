"""What Alembic runs: the migrations on the connection that `cti.store.migrations` hands over."""

from __future__ import annotations

from alembic import context

from cti.errors import UsageError
from cti.store.migrations import all_tables

connection = context.config.attributes.get("connection")
if connection is None:
    raise UsageError("migrations are run by `laidian init-db`, not by the alembic command")
context.configure(
    connection=connection, target_metadata=all_tables(), render_as_batch=connection.dialect.name == "sqlite"
)
context.run_migrations()
