"""The QA desk as its people use it: a service with recorded calls, everybody's sign-in, and scripted calls.

A scripted call has its sound beside it (a real voice where somebody speaks) and its words in the store as a
worker that was killed after recognition leaves them; the real worker then scores it.
"""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from playwright.async_api import Browser, Page

from cti.quality.transcript import Leg, Transcript, Word, from_json, to_json
from cti.speech.audio import load_leg
from cti.speech.facts import drift_of
from cti.speech.peaks import PER_S, peaks
from cti.speech.start import rules_of
from cti.speech.worker import SpeechWorker
from cti.store import repos
from cti.store.db import Database
from cti.store.passwords import hash_password
from cti.store.repos import quality
from cti.store.repos.recordings import recording
from cti.store.tables import complaints
from cti.store.tables_quality import recordings
from tests.plugins.browser import signed_in
from tests.plugins.qa import Archive, spoken
from tests.plugins.screenpop import PASSWORD, PopLine, seed
from tests.qa.speech_worker import saying

CALLS = Path(__file__).parents[1] / "quality" / "calls"
QUEUES = [{"name": "hotline", "label": "热线", "wrapup_s": 30}, {"name": "vip", "label": "大客户"}]
PEOPLE = {  # user name → roles, agent, team
    "qa1": (("qa",), "", ""),
    "qa2": (("qa",), "", ""),
    "lead": (("qa_lead",), "", ""),
    "boss_a": (("supervisor",), "", "A组"),
    "boss_b": (("supervisor",), "", "B组"),
    "s1001": (("agent",), "1001", "A组"),
    "s1002": (("agent",), "1002", "B组"),
}
_HASH = hash_password(PASSWORD)


class QaDesk:
    """A service with recorded and scored calls."""

    def __init__(self, line: PopLine, archive: Archive) -> None:
        self.line, self.archive = line, archive
        self.complained: list[str] = []

    # ---- calls ---------------------------------------------------------------------------------

    def call(self, **about: Any) -> str:
        """A recorded call that waits for the worker; its id."""
        return self.archive.call(**about)

    def script(
        self, name: str | Mapping[str, Any], *, heard: float = 1.0, confidence: float = 0.95, **about: Any
    ) -> str:
        """A recorded call with these turns, recognised and not yet scored; its id.

        `name` is a call of tests/quality/calls or its content; `heard` is the share that was recognised.
        """
        if isinstance(name, str):
            name = json.loads((CALLS / f"{name}.json").read_text(encoding="utf-8"))
        said = from_json(name)
        seconds = said.duration / 1000
        legs = {
            r: _voiced(self.archive.folder / f"{r}.wav", said.leg(r), seconds) for r in ("agent", "caller")
        }
        by = said.facts.hangup_by or "caller"
        id = self.archive.call(legs=legs, seconds=seconds, hung_up_by=by, **about)
        outlines = {r: (PER_S, round(seconds * 1000), peaks(load_leg(f))) for r, f in legs.items()}
        with self.archive.db.begin() as conn:
            row = recording(conn, id)
            assert row is not None
            words = Transcript(
                replace(said.facts, id=id),
                _recognised(said.agent, heard, confidence),
                _recognised(said.caller, heard, confidence),
                said.duration,
                "saying:one",
            )
            states = {"agent": "ok", "caller": "ok"}
            drift = drift_of(row, seconds)
            body = to_json(words)
            new = quality.NewTranscript(id, words.engine, body, states, {}, outlines, seconds, drift)
            quality.save_transcript(conn, new, datetime.now(UTC))
        return id

    def complain(self, id: str, code: str = "TS20250309-0003", waybill: str = "SF1234567890") -> None:
        """The agent's complaint record of a call."""
        now = datetime.now(UTC)
        with self.archive.db.begin() as conn:
            linkedid = conn.execute(
                sa.select(recordings.c.linkedid).where(recordings.c.id == id)
            ).scalar_one()
            values = {
                "code": code,
                "category": "破损",
                "summary": "压坏",
                "state": "open",
                "waybill": waybill,
            }
            known = {"opened_at": now, "updated_at": now, "node": "pbx1", "linkedid": linkedid}
            conn.execute(sa.insert(complaints).values(**values, **known))

    async def score(self) -> None:
        """The real worker goes through the line."""
        settings = self.line.parts.ctx.settings
        worker = SpeechWorker(settings, self.archive.db, rules_of(settings), saying)

        def all_of_them() -> None:
            while worker.once():
                pass

        await asyncio.to_thread(all_of_them)

    # ---- the API -------------------------------------------------------------------------------

    async def get(self, path: str, user: str = "lead", status: int = 200) -> Any:
        got, body = await self.line.api("GET", path, user=user)
        assert got == status, body
        return body

    async def post(self, path: str, body: Any, user: str, status: int = 200) -> Any:
        got, answer = await self.line.api("POST", path, user=user, body=body)
        assert got == status, answer
        return answer

    async def step(self, id: str, name: str, user: str, status: int = 200, **body: Any) -> Any:
        """One step on the version that is there now."""
        now = (await self.get(f"/qa/calls/{id}"))["review"]["version"]
        return await self.post(f"/qa/calls/{id}/{name}", {"version": now, **body}, user, status)

    async def review(self, id: str, user: str = "qa1", decision: str = "hit", **body: Any) -> Any:
        """Decide every automatic fault alike, and be done."""
        seen = await self.get(f"/qa/calls/{id}", user)
        faults = [r["rule"] for r in seen["sheet"] if r["auto"] == "fail"]
        decisions = [{"rule": r, "decision": decision} for r in faults]
        return await self.step(id, "review", user, decisions=decisions, done=True, **body)

    # ---- the pages -----------------------------------------------------------------------------

    async def page(self, browser: Browser, user: str, path: str = "/qa") -> Page:
        """This person's page, signed in."""
        return await signed_in(browser, self.line.base, user, self.complained, path)

    @property
    def complaints(self) -> list[str]:
        """What browsers complained of; that a test read a canvas back is not the page's fault."""
        return [c for c in self.complained if "willReadFrequently" not in c]


def _voiced(target: Path, leg: Leg, seconds: float) -> Path:
    """A leg of 8 kHz with a real voice where its party speaks, and a little noise between."""
    with wave.open(str(spoken(1)[0]), "rb") as f:
        voice = np.frombuffer(f.readframes(f.getnframes()), "<i2")
    sound = np.random.default_rng(1).normal(0, 4, int(seconds * 8000))
    for s in leg.speech:
        a, b = s.t0 * 8, min(s.t1 * 8, len(sound))
        sound[a:b] += np.resize(voice, b - a)
    with wave.open(str(target), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(8000)
        f.writeframes(np.clip(sound, -32768, 32767).astype("<i2").tobytes())
    return target


def _recognised(leg: Leg, heard: float, confidence: float) -> Leg:
    """The words of a script one character each, as a recogniser gives them."""
    words = []
    for word in leg.words:
        each = (word.t1 - word.t0) / max(1, len(word.text))
        for n, char in enumerate(word.text):
            if char.isalnum():
                words.append(
                    Word(char, round(word.t0 + n * each), round(word.t0 + (n + 1) * each), confidence)
                )
    return replace(leg, words=tuple(words), speech=tuple(replace(s, heard=heard) for s in leg.speech))


OpenDesk = Callable[[str], Awaitable[QaDesk]]


@pytest.fixture
async def open_qa_desk(start_popline: Callable[..., Any], tmp_path: Path) -> AsyncIterator[OpenDesk]:
    """Open a desk on a store that has the schema and nothing in it: ``await open_qa_desk(url)``."""
    opened: list[Database] = []

    async def open_(url: str) -> QaDesk:
        folder = tmp_path / "monitor"
        folder.mkdir()
        await asyncio.to_thread(seed, url)
        db = Database(url)
        opened.append(db)
        with db.begin() as conn:
            for name, (roles, agent, team) in PEOPLE.items():
                about = {"roles": roles, "agent": agent, "team": team, "name": f"{name}员"}
                repos.add_user(conn, username=name, password_hash=_HASH, now=datetime.now(UTC), **about)
        line = await start_popline(url, recording={"directory": str(folder)}, queues=QUEUES)
        return QaDesk(line, Archive(db, folder))

    yield open_
    for db in opened:
        db.close()


@pytest.fixture
async def qa_desk(open_qa_desk: OpenDesk, sqlite_url: str) -> QaDesk:
    """A desk on SQLite with nothing recorded yet."""
    return await open_qa_desk(sqlite_url)


@pytest.fixture
async def qa_desk_on_both(open_qa_desk: OpenDesk, database_url: str) -> QaDesk:
    """The same on both kinds of store in turn."""
    return await open_qa_desk(database_url)
