"""Customers: changes by hand, indexes for lists, time line and search by the beginning of a name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cti.store.types import Id, Json, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INDUSTRY = sa.text("industry <> ''")
MOVED = sa.text("step <> 0")
INDEXES = (
    ("customers", ("name", "id")),
    ("surveys", ("number_key", "at")),
    ("callbacks", ("number_key", "requested_at")),
    ("recordings", ("number_key", "started_at")),
    ("customer_metrics", ("annual_revenue", "customer_id")),
)


def upgrade() -> None:
    """Add the table and the indexes; names are compared byte by byte from now on."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.drop_index("ix_customers_name", "customers")
    if postgresql:
        op.execute('ALTER TABLE customers ALTER COLUMN name TYPE text COLLATE "C"')
        op.execute("ALTER INDEX ix_customers_grams SET (fastupdate = off)")
        op.execute("SELECT gin_clean_pending_list('ix_customers_grams')")
    for table, columns in INDEXES:
        op.create_index(_name(table, columns), table, list(columns))
    op.create_index(
        "ix_customers_industry",
        "customers",
        ["industry", "id"],
        sqlite_where=INDUSTRY,
        postgresql_where=INDUSTRY,
    )
    op.create_index(
        "ix_tier_history_moved", "tier_history", ["at"], sqlite_where=MOVED, postgresql_where=MOVED
    )
    op.create_table(
        "customer_changes",
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("changes", Json, nullable=False, server_default=sa.text("'{}'")),
        sa.PrimaryKeyConstraint("id", name="pk_customer_changes"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_customer_changes_customer_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_customer_changes_customer_id_version", "customer_changes", ["customer_id", "version"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("customer_changes")
    op.drop_index("ix_tier_history_moved", "tier_history")
    op.drop_index("ix_customers_industry", "customers")
    for table, columns in reversed(INDEXES):
        op.drop_index(_name(table, columns), table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX ix_customers_grams RESET (fastupdate)")
        op.execute('ALTER TABLE customers ALTER COLUMN name TYPE text COLLATE "default"')
    op.create_index("ix_customers_name", "customers", ["name"])


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"
