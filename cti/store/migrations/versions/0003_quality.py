"""Service-language QA: recordings, jobs of the speech worker, transcripts, scores, reviews."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from cti.store.types import Id, Json, Key, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Part = sa.Column[Any]


def _text(name: str) -> Part:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _must(name: str) -> Part:
    return sa.Column(name, sa.Text, nullable=False)


def _count(name: str, default: int = 0) -> Part:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text(str(default)))


def _json(name: str, default: str = "[]") -> Part:
    return sa.Column(name, Json, nullable=False, server_default=sa.text(f"'{default}'"))


def _at(name: str, *, must: bool = False) -> Part:
    return sa.Column(name, UtcDateTime, nullable=not must)


def _number(name: str, *, must: bool = False) -> Part:
    return sa.Column(name, sa.Float, nullable=not must)


def _id() -> Part:
    return sa.Column("id", Id, nullable=False)


def _of_recording(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["recording_id"], ["recordings.id"], name=f"fk_{table}_recording_id", ondelete="CASCADE"
    )


def _gone(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=f"fk_{table}_{column}", ondelete="SET NULL"
    )


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _once(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("id", sa.Text, nullable=False),
        _must("node"),
        _must("linkedid"),
        _must("uniqueid"),
        *(_text(n) for n in ("channel", "agent", "queue", "direction")),
        sa.Column("number_key", Key, nullable=False, server_default=""),
        *(_text(n) for n in ("number_display", "agent_file", "caller_file")),
        _at("started_at", must=True),
        _at("ended_at"),
        *(_number(n) for n in ("bridge_s", "file_s", "drift")),
        _json("holds"),
        _json("pauses"),
        _text("hung_up_by"),
        _json("witnesses", "{}"),
        _must("state"),
        _at("purged_at"),
        _key("recordings", "id"),
        _once("recordings", "node", "uniqueid"),
    )
    _index("recordings", "node", "linkedid")
    _index("recordings", "started_at")
    _index("recordings", "agent", "started_at")
    _index("recordings", "state", "ended_at")
    _jobs()
    _results()
    _reviews()


def _jobs() -> None:
    op.create_table(
        "speech_jobs",
        _id(),
        _must("recording_id"),
        _must("state"),
        _text("phase"),
        *(_count(n) for n in ("percent", "attempts", "deaths", "priority")),
        *(_text(n) for n in ("reason", "note", "worker")),
        _at("lease_until"),
        _at("due_at"),
        _at("created_at", must=True),
        _at("updated_at", must=True),
        _at("finished_at"),
        _key("speech_jobs", "id"),
        _once("speech_jobs", "recording_id"),
        _of_recording("speech_jobs"),
    )
    _index("speech_jobs", "state", "priority", "id")
    op.create_table(
        "speech_workers",
        _must("worker"),
        _at("seen_at", must=True),
        *(_text(n) for n in ("engine", "model", "reason")),
        _key("speech_workers", "worker"),
    )


def _results() -> None:
    op.create_table(
        "transcripts",
        _id(),
        _must("recording_id"),
        _must("engine"),
        _at("at", must=True),
        sa.Column("body", Json, nullable=False),
        *(_text(n) for n in ("agent_state", "caller_state", "agent_note", "caller_note")),
        _key("transcripts", "id"),
        _once("transcripts", "recording_id", "engine"),
        _of_recording("transcripts"),
    )
    op.create_table(
        "waveforms",
        _id(),
        _must("recording_id"),
        _must("role"),
        _count("per_s", 50),
        _count("duration_ms"),
        _text("peaks"),
        _key("waveforms", "id"),
        _once("waveforms", "recording_id", "role"),
        _of_recording("waveforms"),
    )
    op.create_table(
        "scores",
        _id(),
        _must("recording_id"),
        sa.Column("transcript_id", Id),
        _must("engine"),
        _must("rules_version"),
        _at("at", must=True),
        _number("score"),
        _number("decided", must=True),
        _json("fatal"),
        _json("verdicts"),
        _json("rules", "{}"),
        _key("scores", "id"),
        _once("scores", "recording_id", "engine", "rules_version"),
        _of_recording("scores"),
        _gone("scores", "transcript_id", "transcripts"),
    )
    _index("scores", "rules_version")


def _reviews() -> None:
    op.create_table(
        "review_samples",
        _id(),
        _at("at", must=True),
        _must("who"),
        _must("seed"),
        _count("per_agent"),
        _json("filter", "{}"),
        _count("population"),
        _json("agents"),
        _json("calls"),
        _key("review_samples", "id"),
    )
    op.create_table(
        "reviews",
        _must("recording_id"),
        sa.Column("score_id", Id),
        _must("state"),
        _text("reason"),
        sa.Column("sample_id", Id),
        _text("inspector"),
        _text("first_inspector"),
        *(_number(n) for n in ("auto_score", "manual_score", "final_score", "decided")),
        sa.Column("has_fatal", sa.Boolean, nullable=False, server_default=sa.false()),
        _json("current", "{}"),
        _json("appeal"),
        _at("created_at", must=True),
        *(_at(n) for n in ("queued_at", "reviewed_at", "published_at")),
        _at("updated_at", must=True),
        _count("version", 1),
        _key("reviews", "recording_id"),
        _of_recording("reviews"),
        _gone("reviews", "score_id", "scores"),
        _gone("reviews", "sample_id", "review_samples"),
    )
    _index("reviews", "state", "queued_at")
    _index("reviews", "sample_id")
    _index("reviews", "inspector", "state")
    op.create_table(
        "review_hits",
        _id(),
        _must("recording_id"),
        _count("round", 1),
        _must("rule"),
        _must("decision"),
        _text("leg"),
        sa.Column("t0", sa.Integer),
        sa.Column("t1", sa.Integer),
        _text("comment"),
        _must("who"),
        _at("at", must=True),
        _key("review_hits", "id"),
        _of_recording("review_hits"),
    )
    _index("review_hits", "recording_id", "rule")
    op.create_table(
        "review_events",
        _id(),
        _must("recording_id"),
        _at("at", must=True),
        _must("who"),
        _text("role"),
        _must("action"),
        *(_text(n) for n in ("from_state", "to_state", "note")),
        _json("detail", "{}"),
        _key("review_events", "id"),
        _of_recording("review_events"),
    )
    _index("review_events", "recording_id", "at")


def downgrade() -> None:
    for table in (
        "review_events",
        "review_hits",
        "reviews",
        "review_samples",
        "scores",
        "waveforms",
        "transcripts",
        "speech_workers",
        "speech_jobs",
        "recordings",
    ):
        op.drop_table(table)
