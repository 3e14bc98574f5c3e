"""The caller's own words: recorded under a name made of the call's id, and checked before use."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from agi_scripts.keys import ALL
from agi_scripts.ports import Places
from agi_scripts.session import Session
from cti.obs import get_logger
from ivr_flows.protocol import Event, Recorded, RecordFailed

RATE = 8000  # samples a second, 16 bit
HEADER = 44  # bytes of a WAV before its samples
_log = get_logger("agi.recording")


class Names:
    """Names for the recordings of one call: ``ivr-UNIQUEID-N``, nothing of the caller's in them."""

    def __init__(self, uniqueid: str) -> None:
        self._id = re.sub(r"[^A-Za-z0-9.-]", "", uniqueid)[:64].lstrip(".") or "call"
        self._count = 0

    def next(self) -> str:
        """A name that this call has not used yet."""
        self._count += 1
        return f"ivr-{self._id}-{self._count}"


def record(session: Session, names: Names, places: Places, *, maximum_s: int, silence_s: int) -> Event:
    """Record the caller. What cannot be kept is no recording: too full a disk, an empty file."""
    ref = names.next()
    file = places.recordings / f"{ref}.wav"
    if _free(places.recordings) < places.least_free:
        _log.error("recording_no_space", folder_free_below=places.least_free)
        return RecordFailed("no_space")
    done = session.record_file(
        str(places.recordings / ref), "wav", ALL, timeout=maximum_s * 1000, silence=silence_s
    )
    seconds = done.samples / RATE
    if done.how == "failed" or not _kept(file, done.samples):
        file.unlink(missing_ok=True)
        _log.error("recording_failed", how=done.how)
        return RecordFailed("not_written")
    if seconds == 0:
        file.unlink(missing_ok=True)
    return Recorded(ref, seconds, hung_up=done.how == "hangup")


def discard(places: Places, ref: str) -> None:
    """Remove a recording that nobody wants."""
    (places.recordings / f"{Path(ref).name}.wav").unlink(missing_ok=True)


def _free(folder: Path) -> float:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return float("inf")  # Asterisk is on another machine: it will say so itself


def _kept(file: Path, samples: int) -> bool:
    """False when the folder is here and the file is missing, or half of the samples were not written.

    Asterisk itself does not notice a disk that fills up in the middle.
    """
    if not file.parent.is_dir() or samples == 0:
        return True
    try:
        return file.stat().st_size >= HEADER + samples  # two bytes a sample: half is enough to be of use
    except FileNotFoundError:
        return False
