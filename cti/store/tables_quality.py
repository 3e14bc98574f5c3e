"""Tables of the service-language QA: recordings, jobs, transcripts, scores, reviews.

A recording is one agent's part of a call: two leg files whose names come from the PBX's Uniqueid and are
never shown; people and pages know it by `id` alone. Times inside a call are ms from the answer where they
are JSON, moments are UTC.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text
from sqlalchemy import false as no

from cti.store.tables import metadata
from cti.store.types import Id, Json, Key, UtcDateTime

__all__ = [
    "metadata",
    "recordings",
    "review_events",
    "review_hits",
    "review_samples",
    "reviews",
    "scores",
    "speech_jobs",
    "speech_workers",
    "transcripts",
    "waveforms",
]


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default="")


def _count(name: str, default: int = 0) -> Column[Any]:
    return Column(name, Integer, nullable=False, server_default=text(str(default)))


def _json(name: str, default: str = "[]") -> Column[Any]:
    return Column(name, Json, nullable=False, server_default=text(f"'{default}'"))


def _of_recording() -> Column[Any]:
    return Column("recording_id", Text, ForeignKey("recordings.id", ondelete="CASCADE"), nullable=False)


recordings = Table(
    "recordings",
    metadata,
    Column("id", Text, primary_key=True),  # UUID made of node and Uniqueid
    Column("node", Text, nullable=False),
    Column("linkedid", Text, nullable=False),
    Column("uniqueid", Text, nullable=False),  # of the agent's channel
    _text("channel"),
    _text("agent"),
    _text("queue"),
    _text("direction"),
    Column("number_key", Key, nullable=False, server_default=""),
    _text("number_display"),
    _text("agent_file"),  # relative to recording.directory
    _text("caller_file"),
    Column("started_at", UtcDateTime, nullable=False),  # time zero of both files: the answer
    Column("ended_at", UtcDateTime),
    Column("bridge_s", Float),  # together with the other party
    Column("file_s", Float),
    Column("drift", Float),  # share by which the files differ from the time recorded
    _json("holds"),  # [[t0, t1]] in ms
    _json("pauses"),  # not recorded on purpose: payment data
    _text("hung_up_by"),  # agent, caller, transfer, phone (it was lost), unknown; "" while it goes on
    _json("witnesses", "{}"),  # what both of them said
    Column("state", Text, nullable=False),  # recording, ended, lost (the end was not heard), purged
    Column("purged_at", UtcDateTime),
    UniqueConstraint("node", "uniqueid"),
    Index(None, "node", "linkedid"),
    Index(None, "started_at"),
    Index(None, "agent", "started_at"),
    Index(None, "number_key", "started_at"),
    Index(None, "state", "ended_at"),
)

speech_jobs = Table(
    "speech_jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column(
        "recording_id", Text, ForeignKey("recordings.id", ondelete="CASCADE"), nullable=False, unique=True
    ),
    Column("state", Text, nullable=False),  # waiting, queued, transcribing, scoring, done, failed
    _text("phase"),
    _count("percent"),
    _count("attempts"),
    _count("deaths"),  # workers that ended while they had it
    _count("priority"),
    _text("reason"),  # why it failed or waits
    _text("note"),  # state of both legs, in words
    _text("worker"),
    Column("lease_until", UtcDateTime),
    Column("due_at", UtcDateTime),  # not before
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index(None, "state", "priority", "id"),
)

speech_workers = Table(  # who is at work, for the page
    "speech_workers",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
    _text("engine"),
    _text("model"),
    _text("reason"),
)

transcripts = Table(
    "transcripts",
    metadata,
    Column("id", Id, primary_key=True),
    _of_recording(),
    Column("engine", Text, nullable=False),  # "whisper:whisper-base"
    Column("at", UtcDateTime, nullable=False),
    Column("body", Json, nullable=False),  # cti.quality.transcript.to_json
    _text("agent_state"),
    _text("caller_state"),
    _text("agent_note"),
    _text("caller_note"),
    UniqueConstraint("recording_id", "engine"),
)

waveforms = Table(  # peaks of each leg, so that a page need not fetch the sound to draw it
    "waveforms",
    metadata,
    Column("id", Id, primary_key=True),
    _of_recording(),
    Column("role", Text, nullable=False),
    _count("per_s", 50),
    _count("duration_ms"),
    _text("peaks"),  # base64 of one byte (0–100) each
    UniqueConstraint("recording_id", "role"),
)

scores = Table(  # automatic ones; a re-score is a new row
    "scores",
    metadata,
    Column("id", Id, primary_key=True),
    _of_recording(),
    Column("transcript_id", Id, ForeignKey("transcripts.id", ondelete="SET NULL")),
    Column("engine", Text, nullable=False),
    Column("rules_version", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("score", Float),  # NULL: nothing decided
    Column("decided", Float, nullable=False),
    _json("fatal"),
    _json("verdicts"),
    _json("rules", "{}"),  # rule → title, weight, fatal … as they were then
    UniqueConstraint("recording_id", "engine", "rules_version"),
    Index(None, "rules_version"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("recording_id", Text, ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True),
    Column("score_id", Id, ForeignKey("scores.id", ondelete="SET NULL")),  # what the person saw
    Column("state", Text, nullable=False),
    _text("reason"),
    Column("sample_id", Id, ForeignKey("review_samples.id", ondelete="SET NULL")),
    _text("inspector"),  # whom it is given to
    _text("first_inspector"),  # who reviewed it before the appeal
    Column("auto_score", Float),
    Column("manual_score", Float),
    Column("final_score", Float),
    Column("decided", Float),
    Column("has_fatal", Boolean, nullable=False, server_default=no()),
    _json("current", "{}"),  # rule → verdict that counts now
    _json("appeal"),  # [{rule, reason, by, at, outcome}]
    Column("created_at", UtcDateTime, nullable=False),
    Column("queued_at", UtcDateTime),
    Column("reviewed_at", UtcDateTime),
    Column("published_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    _count("version", 1),
    Index(None, "state", "queued_at"),
    Index(None, "sample_id"),
    Index(None, "inspector", "state"),
)

review_hits = Table(  # what people said of single rules; round 2 is after an appeal
    "review_hits",
    metadata,
    Column("id", Id, primary_key=True),
    _of_recording(),
    _count("round", 1),
    Column("rule", Text, nullable=False),
    Column("decision", Text, nullable=False),  # hit, false_hit, na, added
    _text("leg"),
    Column("t0", Integer),
    Column("t1", Integer),
    _text("comment"),
    Column("who", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "recording_id", "rule"),
)

review_events = Table(
    "review_events",
    metadata,
    Column("id", Id, primary_key=True),
    _of_recording(),
    Column("at", UtcDateTime, nullable=False),
    Column("who", Text, nullable=False),
    _text("role"),
    Column("action", Text, nullable=False),
    _text("from_state"),
    _text("to_state"),
    _text("note"),
    _json("detail", "{}"),
    Index(None, "recording_id", "at"),
)

review_samples = Table(
    "review_samples",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("seed", Text, nullable=False),
    _count("per_agent"),
    _json("filter", "{}"),
    _count("population"),
    _json("agents"),
    _json("calls"),
)
