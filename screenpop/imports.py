"""Imports that people upload: one at a time, in a thread of its own, with what it has done so far."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cti.config import Settings
from cti.domain.phone import Plan
from cti.errors import LaidianError, StateError, Unavailable
from cti.obs import get_logger
from cti.store.db import Database
from cti.store.imports import Options, Report, import_file
from cti.store.repos.tiering import Plan as TierPlan
from cti.store.tier_plan import zone_of

_log = get_logger("imports")
WAIT_S = 5.0  # for an import that another process runs
KEPT = 20


@dataclass(slots=True)
class Job:
    """One upload. `state`: running, done, refused (bad rows, nothing changed), failed (`error` says why)."""

    id: str
    kind: str
    file_name: str
    dry_run: bool
    who: str
    started_at: datetime
    state: str = "running"
    step: str = ""
    rows: int = 0
    error: str = ""
    report: Report | None = None
    finished_at: datetime | None = None


@dataclass(slots=True)
class Imports:
    """Runs uploads and remembers the last ones."""

    db: Database
    settings: Settings
    plan: Plan
    tiers: TierPlan | None
    now: Callable[[], datetime]
    jobs: OrderedDict[str, Job] = field(default_factory=OrderedDict)
    _task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether one is running."""
        return self._task is not None and not self._task.done()

    def start(self, kind: str, file: Path, name: str, *, dry_run: bool, skip_bad: bool, who: str) -> Job:
        """Begin; the file is removed at the end. StateError while another one is running."""
        if self.busy:
            raise StateError("another import is running")
        job = Job(uuid4().hex, kind, name, dry_run, who, self.now())
        self.jobs[job.id] = job
        while len(self.jobs) > KEPT:
            self.jobs.popitem(last=False)
        options = Options(
            now=self.now(),
            plan=self.plan,
            scheme=self.tiers.active if self.tiers is not None else None,
            tiers=self.tiers,
            zone=zone_of(self.settings),
            skip_bad=skip_bad,
            dry_run=dry_run,
            who=who,
            wait_s=WAIT_S,
            name=name,
        )
        self._task = asyncio.get_running_loop().create_task(self._run(job, file, options), name="import")
        return job

    async def stop(self) -> None:
        """Waits for the one that is running: its transaction is all or nothing either way."""
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._task)

    async def _run(self, job: Job, file: Path, options: Options) -> None:
        def progress(step: str, rows: int) -> None:
            job.step, job.rows = step, rows

        try:
            report = await asyncio.to_thread(import_file, self.db, job.kind, file, options, progress)
            job.report = report
            job.state = "refused" if report.bad and not options.skip_bad else "done"
        except Unavailable:
            job.state, job.error = "failed", "另一个导入正在进行，或数据库暂时不可用，请稍后再试。"
        except LaidianError as e:
            job.state, job.error = "failed", _words(e, file)
        except Exception as e:  # noqa: BLE001 - the page shows it, the service goes on
            _log.error("import failed", why=f"{type(e).__name__}: {e}")
            job.state, job.error = "failed", "导入时内部出错，已记录；没有写入任何数据。"
        finally:
            job.finished_at = self.now()
            await asyncio.to_thread(_away, file)


def _away(file: Path) -> None:
    file.unlink(missing_ok=True)


def _words(error: LaidianError, file: Path) -> str:
    """What is wrong with the file, without the name it has on this machine."""
    return "文件不能导入：" + str(error).replace(f"{file}: ", "").replace(str(file), "")[:300]


def shown(job: Job) -> dict[str, Any]:
    """A job for the page."""
    report = job.report
    counts = {
        n: getattr(report, n) if report is not None else 0 for n in ("created", "changed", "unchanged", "bad")
    }
    return {
        **{n: getattr(job, n) for n in ("id", "kind", "file_name", "dry_run", "who", "started_at")},
        **{n: getattr(job, n) for n in ("state", "step", "error", "finished_at")},
        **counts,
        "rows": report.rows if report is not None else job.rows,
        "written": report.written if report is not None else False,
        "already": report.already if report is not None else None,
        "tiers_changed": report.tiers_changed if report is not None else None,
        "faults": [{"line": f.line, "column": f.column, "reason": f.reason} for f in report.faults]
        if report
        else [],
        "warnings": list(report.warnings) if report is not None else [],
    }
