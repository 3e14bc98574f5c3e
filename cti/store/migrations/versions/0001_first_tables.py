"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cti.store.types import Fen, Grams, Id, Json, Key, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# children before parents
TABLES = (
    "waybill_events",
    "numbers",
    "complaint_events",
    "waybills",
    "tier_history",
    "sessions",
    "pops",
    "orders",
    "customer_contacts",
    "contacts",
    "complaints",
    "axb_bindings",
    "users",
    "imports",
    "gaps",
    "customers",
    "audit",
)

# SQLite's search over names: the terms of customers.grams, kept in step by triggers
FULL_TEXT = (
    """
    CREATE VIRTUAL TABLE customers_fts USING fts5(
        grams, content='customers', content_rowid='id', detail=none, columnsize=0,
        tokenize='unicode61 remove_diacritics 0'
    )
    """,
    """
    CREATE TRIGGER customers_fts_insert AFTER INSERT ON customers BEGIN
        INSERT INTO customers_fts(rowid, grams) VALUES (new.id, new.grams);
    END
    """,
    """
    CREATE TRIGGER customers_fts_delete AFTER DELETE ON customers BEGIN
        INSERT INTO customers_fts(customers_fts, rowid, grams) VALUES ('delete', old.id, old.grams);
    END
    """,
    """
    CREATE TRIGGER customers_fts_update AFTER UPDATE OF grams ON customers WHEN old.grams <> new.grams BEGIN
        INSERT INTO customers_fts(customers_fts, rowid, grams) VALUES ('delete', old.id, old.grams);
        INSERT INTO customers_fts(rowid, grams) VALUES (new.id, new.grams);
    END
    """,
)


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", Json, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("remote", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_subject_at", "audit", ["subject", "at"])
    op.create_index("ix_audit_who_at", "audit", ["who", "at"])

    op.create_table(
        "customers",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", Key, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("company", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("business", sa.Text(), server_default="", nullable=False),
        sa.Column("occupation", sa.Text(), server_default="", nullable=False),
        sa.Column("hobbies", sa.Text(), server_default="", nullable=False),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("birthday_month_only", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("cargo", sa.Text(), server_default="", nullable=False),
        sa.Column("transport_volume", sa.Text(), server_default="", nullable=False),
        sa.Column("routes", sa.Text(), server_default="", nullable=False),
        sa.Column("timeliness", sa.Text(), server_default="", nullable=False),
        sa.Column("special_handling", sa.Text(), server_default="", nullable=False),
        sa.Column("delivery_preference", sa.Text(), server_default="", nullable=False),
        sa.Column("preferences", Json, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("cooperation_years", sa.Float(), nullable=True),
        sa.Column("spend_fen", Fen, server_default=sa.text("0"), nullable=False),
        sa.Column("payment", sa.Text(), server_default="", nullable=False),
        sa.Column("arrears_fen", Fen, server_default=sa.text("0"), nullable=False),
        sa.Column("satisfaction", sa.Float(), nullable=True),
        sa.Column("points", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_order_at", UtcDateTime(), nullable=True),
        sa.Column("metrics", Json, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("tier_scheme", sa.Text(), server_default="", nullable=False),
        sa.Column("tier_id", sa.Text(), server_default="", nullable=False),
        sa.Column("tier_label", sa.Text(), server_default="", nullable=False),
        sa.Column("tier_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("tier_at", UtcDateTime(), nullable=True),
        sa.Column("representative", sa.Text(), server_default="", nullable=False),
        sa.Column("green_channel", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("grams", Grams(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("kind IN ('company', 'person')", name="ck_customers_kind"),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.UniqueConstraint("code", name="uq_customers_code"),
    )
    op.create_index("ix_customers_name", "customers", ["name"])
    op.create_index("ix_customers_representative", "customers", ["representative"])
    op.create_index("ix_customers_tier_scheme_tier_id", "customers", ["tier_scheme", "tier_id"])

    op.create_table(
        "gaps",
        sa.Column("id", Id, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gaps"),
        sa.UniqueConstraint("node", "since", name="uq_gaps_node_since"),
    )
    op.create_table(
        "imports",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), server_default="", nullable=False),
        sa.Column("options", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=False),
        sa.Column("who", sa.Text(), server_default="", nullable=False),
        sa.Column("rows", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("bad", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_index("ix_imports_kind_sha256", "imports", ["kind", "sha256"])

    op.create_table(
        "users",
        sa.Column("id", Id, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", Json, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("agent", sa.Text(), server_default="", nullable=False),
        sa.Column("team", sa.Text(), server_default="", nullable=False),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("failed_logins", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("username", name="uq_users_username"),
    )
    op.create_index("ix_users_agent", "users", ["agent"])

    op.create_table(
        "axb_bindings",
        sa.Column("id", Id, nullable=False),
        sa.Column("virtual_key", sa.Text(), nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("peer_key", sa.Text(), server_default="", nullable=False),
        sa.Column("waybill", sa.Text(), server_default="", nullable=False),
        sa.Column("valid_from", UtcDateTime(), nullable=False),
        sa.Column("valid_until", UtcDateTime(), nullable=True),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_axb_bindings_customer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_axb_bindings"),
    )
    op.create_index("ix_axb_bindings_customer_id", "axb_bindings", ["customer_id"])
    op.create_index("ix_axb_bindings_virtual_key", "axb_bindings", ["virtual_key"])

    op.create_table(
        "complaints",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("caller_name", sa.Text(), server_default="", nullable=False),
        sa.Column("number_key", sa.Text(), server_default="", nullable=False),
        sa.Column("number_display", sa.Text(), server_default="", nullable=False),
        sa.Column("waybill", sa.Text(), server_default="", nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("department", sa.Text(), server_default="", nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("opened_by", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("promised_at", UtcDateTime(), nullable=True),
        sa.Column("follow_up", sa.Text(), server_default="", nullable=False),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("told_by", sa.Text(), server_default="", nullable=False),
        sa.Column("told_how", sa.Text(), server_default="", nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("node", sa.Text(), server_default="", nullable=False),
        sa.Column("linkedid", sa.Text(), server_default="", nullable=False),
        sa.Column("recording_id", sa.Text(), server_default="", nullable=False),
        sa.Column("claim_fen", Fen, server_default=sa.text("0"), nullable=False),
        sa.Column("paid_fen", Fen, server_default=sa.text("0"), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_complaints_customer_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_complaints"),
        sa.UniqueConstraint("code", name="uq_complaints_code"),
    )
    op.create_index("ix_complaints_customer_id_opened_at", "complaints", ["customer_id", "opened_at"])
    op.create_index("ix_complaints_node_linkedid", "complaints", ["node", "linkedid"])
    op.create_index("ix_complaints_number_key", "complaints", ["number_key"])
    op.create_index("ix_complaints_state_due_at", "complaints", ["state", "due_at"])
    op.create_index("ix_complaints_waybill", "complaints", ["waybill"])

    op.create_table(
        "contacts",
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("number_key", sa.Text(), server_default="", nullable=False),
        sa.Column("number_display", sa.Text(), server_default="", nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), server_default="", nullable=False),
        sa.Column("node", sa.Text(), server_default="", nullable=False),
        sa.Column("linkedid", sa.Text(), server_default="", nullable=False),
        sa.Column("queue", sa.Text(), server_default="", nullable=False),
        sa.Column("agent", sa.Text(), server_default="", nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("disposition", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("waybill", sa.Text(), server_default="", nullable=False),
        sa.Column("ivr", Json, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("wait_s", sa.Float(), nullable=True),
        sa.Column("talk_s", sa.Float(), nullable=True),
        sa.Column("satisfaction", sa.Integer(), nullable=True),
        sa.Column("pop_id", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_contacts_customer_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
    )
    op.create_index("ix_contacts_agent_at", "contacts", ["agent", "at"])
    op.create_index("ix_contacts_customer_id_at", "contacts", ["customer_id", "at"])
    op.create_index("ix_contacts_node_linkedid", "contacts", ["node", "linkedid"])
    op.create_index("ix_contacts_number_key_at", "contacts", ["number_key", "at"])

    op.create_table(
        "customer_contacts",
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.Text(), server_default="", nullable=False),
        sa.Column("age", sa.Integer(), nullable=True),
        sa.Column("hobbies", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_customer_contacts_customer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_customer_contacts"),
        sa.UniqueConstraint("customer_id", "name", name="uq_customer_contacts_customer_id_name"),
    )
    op.create_table(
        "orders",
        sa.Column("id", Id, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("pieces", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("amount_fen", Fen, server_default=sa.text("0"), nullable=False),
        sa.Column("paid_fen", Fen, server_default=sa.text("0"), nullable=False),
        sa.Column("waybill", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_orders_customer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.UniqueConstraint("number", name="uq_orders_number"),
    )
    op.create_index("ix_orders_customer_id_at", "orders", ["customer_id", "at"])

    op.create_table(
        "pops",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("linkedid", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("number_key", sa.Text(), server_default="", nullable=False),
        sa.Column("number_display", sa.Text(), server_default="", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("rule", sa.Text(), server_default="", nullable=False),
        sa.Column("queue", sa.Text(), server_default="", nullable=False),
        sa.Column("pbx_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=True),
        sa.Column("looked_up_at", UtcDateTime(), nullable=True),
        sa.Column("pushed_at", UtcDateTime(), nullable=True),
        sa.Column("acked_at", UtcDateTime(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("recovered", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("disposition", sa.Text(), server_default="", nullable=False),
        sa.Column("snapshot", Json, server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_pops_customer_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_pops"),
    )
    op.create_index("ix_pops_agent_pbx_at", "pops", ["agent", "pbx_at"])
    op.create_index("ix_pops_customer_id_pbx_at", "pops", ["customer_id", "pbx_at"])
    op.create_index("ix_pops_node_linkedid", "pops", ["node", "linkedid"])
    op.create_index(
        "ix_pops_open",
        "pops",
        ["agent"],
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_pops_pbx_at", "pops", ["pbx_at"])

    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=True),
        sa.Column("remote", sa.Text(), server_default="", nullable=False),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])

    op.create_table(
        "tier_history",
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("tier_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("metrics", Json, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_tier_history_customer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tier_history"),
    )
    op.create_index("ix_tier_history_customer_id_at", "tier_history", ["customer_id", "at"])

    op.create_table(
        "waybills",
        sa.Column("id", Id, nullable=False),
        sa.Column("number", Key, nullable=False),
        sa.Column("sender_customer_id", Id, nullable=True),
        sa.Column("receiver_customer_id", Id, nullable=True),
        sa.Column("sender_name", sa.Text(), server_default="", nullable=False),
        sa.Column("sender_key", sa.Text(), server_default="", nullable=False),
        sa.Column("sender_display", sa.Text(), server_default="", nullable=False),
        sa.Column("receiver_name", sa.Text(), server_default="", nullable=False),
        sa.Column("receiver_key", sa.Text(), server_default="", nullable=False),
        sa.Column("receiver_display", sa.Text(), server_default="", nullable=False),
        sa.Column("receiver_address", sa.Text(), server_default="", nullable=False),
        sa.Column("origin", sa.Text(), server_default="", nullable=False),
        sa.Column("destination", sa.Text(), server_default="", nullable=False),
        sa.Column("goods", sa.Text(), server_default="", nullable=False),
        sa.Column("pieces", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("weight_g", sa.Integer(), nullable=True),
        sa.Column("freight_fen", Fen, server_default=sa.text("0"), nullable=False),
        sa.Column("cod_fen", Fen, server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.Column("promised_at", UtcDateTime(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("signed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("site", sa.Text(), server_default="", nullable=False),
        sa.Column("courier", sa.Text(), server_default="", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("problem_kind", sa.Text(), server_default="", nullable=False),
        sa.Column("problem_at", UtcDateTime(), nullable=True),
        sa.Column("last_event", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["receiver_customer_id"],
            ["customers.id"],
            name="fk_waybills_receiver_customer_id",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["sender_customer_id"],
            ["customers.id"],
            name="fk_waybills_sender_customer_id",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_waybills"),
        sa.UniqueConstraint("number", name="uq_waybills_number"),
    )
    op.create_index(
        "ix_waybills_problem_receiver",
        "waybills",
        ["receiver_customer_id"],
        sqlite_where=sa.text("problem <> ''"),
        postgresql_where=sa.text("problem <> ''"),
    )
    op.create_index(
        "ix_waybills_problem_sender",
        "waybills",
        ["sender_customer_id"],
        sqlite_where=sa.text("problem <> ''"),
        postgresql_where=sa.text("problem <> ''"),
    )
    op.create_index(
        "ix_waybills_receiver_customer_id_updated_at", "waybills", ["receiver_customer_id", "updated_at"]
    )
    op.create_index("ix_waybills_receiver_key_updated_at", "waybills", ["receiver_key", "updated_at"])
    op.create_index(
        "ix_waybills_sender_customer_id_updated_at", "waybills", ["sender_customer_id", "updated_at"]
    )
    op.create_index("ix_waybills_sender_key_updated_at", "waybills", ["sender_key", "updated_at"])

    op.create_table(
        "complaint_events",
        sa.Column("id", Id, nullable=False),
        sa.Column("complaint_id", Id, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), server_default="", nullable=False),
        sa.Column("to_state", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name="fk_complaint_events_complaint_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_complaint_events"),
    )
    op.create_index("ix_complaint_events_complaint_id_at", "complaint_events", ["complaint_id", "at"])

    op.create_table(
        "numbers",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("suffix", Key, nullable=False),
        sa.Column("display", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("extension", sa.Text(), server_default="", nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("contact_id", Id, nullable=True),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["customer_contacts.id"], name="fk_numbers_contact_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_numbers_customer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_numbers"),
        sa.UniqueConstraint("key", "customer_id", name="uq_numbers_key_customer_id"),
    )
    op.create_index("ix_numbers_customer_id", "numbers", ["customer_id"])
    op.create_index("ix_numbers_suffix", "numbers", ["suffix"])

    op.create_table(
        "waybill_events",
        sa.Column("id", Id, nullable=False),
        sa.Column("waybill_id", Id, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("operator", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["waybill_id"], ["waybills.id"], name="fk_waybill_events_waybill_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_waybill_events"),
        sa.UniqueConstraint(
            "waybill_id", "at", "state", "place", name="uq_waybill_events_waybill_id_at_state_place"
        ),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("ix_customers_grams", "customers", ["grams"], postgresql_using="gin")
    else:
        for statement in FULL_TEXT:
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE customers_fts")
    for table in TABLES:
        op.drop_table(table)
