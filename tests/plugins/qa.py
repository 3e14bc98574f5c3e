"""Recorded calls for the QA desk: rows with sound beside them, scored by the real worker."""

from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cti.config import Settings
from cti.store.db import Database
from cti.store.repos.recordings import apply_step, recording_id

PROMPTS = Path(__file__).parents[2] / "ivr_flows" / "prompts" / "zh"


def put_together(target: Path, parts: list[tuple[float, Path]], seconds: float) -> Path:
    """One leg of 8 kHz: each file said at its second, silence (with a little noise) between."""
    sound = np.random.default_rng(1).normal(0, 4, int(seconds * 8000))
    for at, file in parts:
        with wave.open(str(file), "rb") as f:
            said = np.frombuffer(f.readframes(f.getnframes()), "<i2")
        start = int(at * 8000)
        said = said[: max(0, len(sound) - start)]
        sound[start : start + len(said)] += said
    with wave.open(str(target), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(8000)
        f.writeframes(np.clip(sound, -32768, 32767).astype("<i2").tobytes())
    return target


def spoken(count: int = 2) -> list[Path]:
    """The longest of the menu's own prompts: real voices of this repository."""
    files = sorted(PROMPTS.rglob("*.wav"), key=lambda f: (-f.stat().st_size, f.name))
    if len(files) < count:
        pytest.skip("the prompts of the menu are not here")
    return files[:count]


@dataclass
class Archive:
    """Recorded calls in a store and a folder."""

    db: Database
    folder: Path
    serial: int = 0
    base: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=2))

    def call(
        self,
        *,
        agent: str = "1001",
        queue: str = "hotline",
        seconds: float = 20.0,
        hung_up_by: str = "caller",
        job: str = "queued",
        legs: dict[str, Path] | None = None,
        **about: Any,
    ) -> str:
        """A recording that has ended, told step by step as the PBX does; its id."""
        self.serial += 1
        uniqueid = f"17000000{self.serial:02}.{self.serial}"
        at = self.base + timedelta(minutes=self.serial)
        first, second = spoken(2)
        if legs is None:
            legs = {
                "agent": put_together(self.folder / "a.wav", [(0.5, first)], seconds),
                "caller": put_together(self.folder / "c.wav", [(10.0, second)], seconds),
            }
        for role, file in legs.items():
            shutil.copyfile(file, self.folder / f"{uniqueid}-{role}.wav")

        def step(kind: str, after: float, **more: Any) -> dict[str, Any]:
            when = (at + timedelta(seconds=after)).isoformat()
            return {"node": "pbx1", "uniqueid": uniqueid, "kind": kind, "at": when, **more}

        channel = f"PJSIP/{agent}-00000001"
        steps = [
            step("start", 0, linkedid=uniqueid, channel=channel, agent=agent),
            step("bridged", 0.02),
            step("about", 0.02, agent=agent, queue=queue, direction="inbound", **about),
            step("asked", seconds, who=hung_up_by),
            step("unbridged", seconds),
            step("end", seconds, who=hung_up_by, job=job),
        ]
        with self.db.begin() as conn:
            for one in steps:
                apply_step(conn, one)
        return recording_id("pbx1", uniqueid)


@pytest.fixture
def archive(database: Database, tmp_path: Path) -> Archive:
    """An empty archive on both kinds of store in turn."""
    folder = tmp_path / "monitor"
    folder.mkdir()
    return Archive(database, folder)


@pytest.fixture
def settings_file(archive: Archive, tmp_path: Path) -> Callable[..., Path]:
    """Write the settings of a worker for this archive."""

    def write(**more: Any) -> Path:
        values = {
            "store": {"url": archive.db.url.render_as_string(hide_password=False)},
            "recording": {"directory": str(archive.folder)},
            "quality": {"lease_s": 3, **more},
        }
        Settings(**values)
        file = tmp_path / "worker.json"
        file.write_text(json.dumps(values))
        return file

    return write


@pytest.fixture
def qa_settings(settings_file: Callable[..., Path]) -> Settings:
    """The same as settings."""
    return Settings(**json.loads(settings_file().read_text()))
