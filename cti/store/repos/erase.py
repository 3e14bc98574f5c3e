"""Erasing a person: rows stay for statistics without the person, words and sound go.

One transaction. Sound files go before it is committed: if it fails, erasing again comes to the same end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cti.store import tables as t
from cti.store.repos import outbox, personal
from cti.store.repos.commands import forget_numbers
from cti.store.repos.people import add_audit
from cti.store.repos.personal import GONE, PLACES, Person
from cti.store.tables_ivr import callbacks
from cti.store.tables_links import erasures
from cti.store.tables_outreach import dial_attempts, outreach_steps, outreach_tasks
from cti.store.tables_quality import recordings, scores, speech_jobs, transcripts, waveforms

REMEMBERED = timedelta(days=3)  # the journal has brought everything over long before


def erase_person(
    conn: Connection,
    person: Person,
    *,
    at: datetime,
    who: str,
    remote: str = "",
    unlink: Callable[[str], None],
) -> dict[str, int]:
    """Remove one person; what went, by kind. `unlink` deletes a sound file by its name.

    A call that goes on is not disturbed: its sound goes when it is over (`running_recordings`).
    """
    counts = personal.count_person(conn, person)
    found = personal.recordings_of(conn, person)
    running = [r["id"] for r in found if r["state"] == "recording"]
    over = [r for r in found if r["state"] != "recording"]
    voice = personal.voice_of(conn, person)
    _end_what_waits(conn, person, at)
    _steps(conn, person)
    _scans(conn, person)
    _ledger(conn, person)
    calls = next(p for p in PLACES if p.table is t.pops)
    forget_numbers(conn, calls.mine(person), person.keys)
    for place in PLACES:
        _place(conn, place, person)
    ids = [r["id"] for r in found]
    conn.execute(
        sa.update(recordings).where(recordings.c.id.in_(ids)).values(number_key="", number_display="")
    )
    forget_sound(conn, [r["id"] for r in over], at=at)
    if person.customer is not None:
        values = {"code": f"{GONE}{person.id}", "version": person.customer["version"] + 1, "updated_at": at}
        conn.execute(sa.update(t.customers).where(t.customers.c.id == person.id).values(values))
        body = {"customer_id": person.id, "code": person.customer["code"]}
        subject = f"customer:{person.id}"
        outbox.emit(conn, "customer.erased", subject, at=at, body=body, mark=f"{person.id}:{at.isoformat()}")
    keys = {"numbers": [personal.key_hash(k) for k in person.keys], "recordings": running}
    conn.execute(sa.insert(erasures).values(at=at, who=who, customer_id=person.id, keys=keys))
    subject = f"customer:{person.id}" if person.id is not None else "number"
    add_audit(conn, at=at, who=who, action="erase", subject=subject, detail=counts, remote=remote)
    for name in personal.sound_files(over, voice):
        unlink(name)
    return counts


def forget_sound(conn: Connection, ids: Sequence[str], *, at: datetime) -> None:
    """Of these recordings only the figures stay: no sound, text, wave, or words in the evidence."""
    if not ids:
        return
    for table in (transcripts, waveforms, speech_jobs):
        conn.execute(sa.delete(table).where(table.c.recording_id.in_(ids)))
    for row in conn.execute(sa.select(scores).where(scores.c.recording_id.in_(ids))).mappings().all():
        bare = [{**v, "evidence": []} for v in row["verdicts"]]
        conn.execute(sa.update(scores).where(scores.c.id == row["id"]).values(verdicts=bare))
    over = sa.update(recordings).where(recordings.c.id.in_(ids))
    conn.execute(over.values(state="purged", purged_at=at))


def erasures_after(conn: Connection, after: int, *, since: datetime) -> Sequence[Mapping[Any, Any]]:
    """Erasures with a higher id, for services that have the person on a screen."""
    e = erasures.c
    query = sa.select(erasures).where(e.id > after, e.at >= since).order_by(e.id)
    return conn.execute(query).mappings().all()


def running_recordings(conn: Connection, *, now: datetime) -> bool:
    """Whether sound of an erased person's call waits for its end, and the end has come."""
    waiting = [
        id_
        for row in erasures_after(conn, 0, since=now - REMEMBERED)
        for id_ in row["keys"].get("recordings", ())
    ]
    over = sa.select(recordings.c.id).where(recordings.c.id.in_(waiting), recordings.c.state != "recording")
    return bool(waiting) and conn.execute(over.limit(1)).first() is not None


def finish_running(conn: Connection, *, now: datetime, unlink: Callable[[str], None]) -> int:
    """Sound of calls that went on while their caller was erased, and are over now; how many went."""
    done = 0
    for row in erasures_after(conn, 0, since=now - REMEMBERED):
        waiting = list(row["keys"].get("recordings", ()))
        if not waiting:
            continue
        query = sa.select(recordings).where(recordings.c.id.in_(waiting), recordings.c.state != "recording")
        over = conn.execute(query).mappings().all()
        if not over:
            continue
        forget_sound(conn, [r["id"] for r in over], at=now)
        conn.execute(
            sa.update(recordings)
            .where(recordings.c.id.in_([r["id"] for r in over]))
            .values(number_key="", number_display="")
        )
        left = [w for w in waiting if w not in {r["id"] for r in over}]
        keys = {**row["keys"], "recordings": left}
        conn.execute(sa.update(erasures).where(erasures.c.id == row["id"]).values(keys=keys))
        for name in personal.sound_files(over, ()):
            unlink(name)
        done += len(over)
    return done


def erased_lately(conn: Connection, *, since: datetime) -> tuple[dict[str, datetime], set[int]]:
    """Hash of each number erased lately → when; and the ids of the customers."""
    numbers: dict[str, datetime] = {}
    rows = erasures_after(conn, 0, since=since)
    for row in rows:
        for hashed in row["keys"].get("numbers", ()):
            numbers[hashed] = max(row["at"], numbers.get(hashed, row["at"]))
    return numbers, {row["customer_id"] for row in rows if row["customer_id"] is not None}


def scrubbed(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """A pop's snapshot without who called."""
    call = {**snapshot.get("call", {}), "number": "", "name": "", "context": {}}
    return {**snapshot, "call": call} if snapshot else {}


def _place(conn: Connection, place: personal.Place, person: Person) -> None:
    mine = place.mine(person)
    if place.blank is None:
        conn.execute(sa.delete(place.table).where(mine))
    elif place.blank:
        conn.execute(sa.update(place.table).where(mine).values(dict(place.blank)))


def _end_what_waits(conn: Connection, person: Person, at: datetime) -> None:
    """Nobody is called any more."""
    for table, state in ((callbacks, "cancelled"), (outreach_tasks, "cancelled")):
        place = next(p for p in PLACES if p.table is table)
        live = sa.and_(place.mine(person), table.c.ended_at.is_(None))
        conn.execute(sa.update(table).where(live).values(state=state, ended_at=at))
    place = next(p for p in PLACES if p.table is dial_attempts)
    mark = sa.literal("erased:") + sa.cast(dial_attempts.c.id, sa.Text)
    conn.execute(sa.update(dial_attempts).where(place.mine(person)).values(number_key=mark))


def _steps(conn: Connection, person: Person) -> None:
    """Steps cannot be changed: they are written anew without their words."""
    for record, steps, words in (
        (t.complaints, t.complaint_events, {"note": "", "result": "", "changes": {}}),
        (outreach_tasks, outreach_steps, {"note": ""}),
    ):
        place = next(p for p in PLACES if p.table is record)
        (link,) = (k.parent for k in steps.foreign_keys)
        mine = link.in_(sa.select(record.c.id).where(place.mine(person)))
        rows = conn.execute(sa.select(steps).where(mine).order_by(steps.c.id)).mappings().all()
        if rows:
            conn.execute(sa.delete(steps).where(mine))
            bare = [{k: v for k, v in r.items() if k != "id"} | words for r in rows]
            conn.execute(sa.insert(steps), bare)


def _scans(conn: Connection, person: Person) -> None:
    """Words of scans name receivers (已签收，签收人…)."""
    for place in (p for p in PLACES if p.table is t.waybills):
        mine = sa.select(t.waybills.c.id).where(place.mine(person))
        of = t.waybill_events.c.waybill_id.in_(mine)
        conn.execute(sa.update(t.waybill_events).where(of).values(text=""))


def _ledger(conn: Connection, person: Person) -> None:
    place = next(p for p in PLACES if p.table is t.pops)
    for row in conn.execute(sa.select(t.pops.c.id, t.pops.c.snapshot).where(place.mine(person))).all():
        same = sa.update(t.pops).where(t.pops.c.id == row.id)
        conn.execute(same.values(snapshot=scrubbed(row.snapshot or {})))
