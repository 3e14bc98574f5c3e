"""The sounds an instance can play: our prompts and the owner's as ``laidian/NAME``, music, English ones."""

from __future__ import annotations

import shutil
from pathlib import Path

from asterisk_conf import tones
from asterisk_conf.launch import Launcher

PROMPTS = Path(__file__).parent.parent / "ivr_flows" / "prompts" / "zh"


def lay_sounds(data: Path, way: Launcher, own: Path | None) -> None:
    """Fill astdatadir `data`. Later folders win: the owner's recording replaces ours of the same name."""
    share = way.places.sharedir
    if share is not None:
        voices = way.installation.outside(way.installation.sharedir or share) / "sounds"
        english = "en_US_f_Allison" if (voices / "en_US_f_Allison").is_dir() else "en"
        for link, target in (
            (data / "documentation", share / "documentation"),
            (data / "rest-api", share / "rest-api"),
            (data / "sounds" / "en", share / "sounds" / english),
        ):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    prompts = {
        sound.name: sound
        for folder in (PROMPTS, own)
        if folder is not None and folder.is_dir()
        for sound in folder.glob("*.wav")
    }
    for name, sound in prompts.items():
        target = data / "sounds" / "laidian" / name
        if not target.exists() or target.stat().st_mtime != sound.stat().st_mtime:
            shutil.copy2(sound, target)
    if not any((data / "moh").glob("*.wav")):
        tones.write_wav(data / "moh" / "tune.wav", tones.tune())
