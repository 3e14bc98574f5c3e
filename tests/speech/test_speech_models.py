"""Models: what is known, checked by SHA-256, placed whole or not at all; the engine that is used is said."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from cti.__main__ import main
from cti.errors import ConfigError, Unavailable, UsageError
from cti.speech import models
from cti.speech.choose import choose
from cti.speech.models import CATALOGUE, ModelFile, ModelState, spec


def archive(path: Path, name: str, *, evil: str = "") -> str:
    """A tiny official zip with the shape of a Vosk model; returns its SHA-256."""
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(f"{name}/am/final.mdl", b"model")
        z.writestr(f"{name}/conf/mfcc.conf", b"--sample-frequency=16000\n")
        if evil:
            z.writestr(f"{name}/{evil}", b"x")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_mandarin_vosk_model_says_how_to_place_it() -> None:
    """No registry has it, so its entry carries name, size, hash and what to do."""
    entry = spec("vosk-model-small-cn-0.22")
    assert entry.size == 43_898_754
    assert entry.archive_sha256 == "3af8b0e7e0f835ae9d414ce5df580237a3cfb08d586c9fbbb0f7ff29ad5b14ba"
    assert "43,898,754" in entry.by_hand
    assert "--from" in entry.by_hand


def test_an_official_zip_is_placed_and_checked(tmp_path: Path) -> None:
    """The right zip becomes a model folder; a file changed later is found by a deep check."""
    home, zipped = tmp_path / "models", tmp_path / "m.zip"
    entry = replace(spec("vosk-model-small-cn-0.22"), id="tiny", archive="tiny.zip")
    entry = replace(entry, archive_sha256=archive(zipped, "tiny"))
    assert models.state_of(entry, home) is ModelState.ABSENT
    folder = models.install_zip(entry, zipped, home)
    assert models.state_of(entry, home, deep=True) is ModelState.READY
    (folder / "am" / "final.mdl").write_bytes(b"other")
    assert models.state_of(entry, home) is ModelState.READY
    assert models.state_of(entry, home, deep=True) is ModelState.DAMAGED


def test_a_wrong_zip_is_refused(tmp_path: Path) -> None:
    """Another hash leaves nothing behind."""
    zipped = tmp_path / "m.zip"
    archive(zipped, "vosk-model-small-cn-0.22")
    with pytest.raises(ConfigError, match="SHA-256"):
        models.install_zip(spec("vosk-model-small-cn-0.22"), zipped, tmp_path / "models")
    assert not (tmp_path / "models" / "vosk-model-small-cn-0.22").exists()


def test_a_zip_cannot_write_outside(tmp_path: Path) -> None:
    """A name that climbs out of the model folder is refused."""
    zipped = tmp_path / "m.zip"
    entry = replace(spec("vosk-model-small-cn-0.22"), id="tiny", archive="tiny.zip")
    entry = replace(entry, archive_sha256=archive(zipped, "tiny", evil="../../out"))
    with pytest.raises(ConfigError, match="unsafe"):
        models.install_zip(entry, zipped, tmp_path / "models")
    assert not (tmp_path / "out").exists()


def test_a_missing_or_changed_file_is_damage(tmp_path: Path) -> None:
    """A model without one of its files, or with another content, is not used."""
    file = ModelFile("model.bin", hashlib.sha256(b"right").hexdigest(), ())
    entry = replace(spec("whisper-base"), id="tiny", files=(file,))
    folder = tmp_path / "tiny"
    folder.mkdir()
    assert models.state_of(entry, tmp_path) is ModelState.DAMAGED
    (folder / "model.bin").write_bytes(b"wrong")
    assert models.state_of(entry, tmp_path, deep=True) is ModelState.DAMAGED
    (folder / "model.bin").write_bytes(b"right")
    assert models.state_of(entry, tmp_path, deep=True) is ModelState.READY


def test_the_engine_used_and_why(tmp_path: Path) -> None:
    """Vosk where its Mandarin model is, else Whisper with the reason, else what to do."""
    with pytest.raises(Unavailable, match="models pull whisper-base"):
        choose("auto", tmp_path, may_pull=False)
    with pytest.raises(Unavailable, match="43,898,754"):
        choose("vosk", tmp_path)
    whisper = tmp_path / "whisper-base"
    whisper.mkdir()
    for file in spec("whisper-base").files:
        (whisper / file.name).write_bytes(b"")
    picked = choose("auto", tmp_path)
    assert (picked.engine, picked.model) == ("whisper", "whisper-base")
    assert "vosk-model-small-cn-0.22" in picked.reason
    for part in ("am", "conf"):
        (tmp_path / "vosk-model-small-cn-0.22" / part).mkdir(parents=True)
    assert choose("auto", tmp_path).engine == "vosk"
    assert choose("whisper", tmp_path).engine == "whisper"
    own = tmp_path / "own"
    own.mkdir()
    assert choose("auto", tmp_path, vosk_folder=own).folder == own
    with pytest.raises(Unavailable, match="nowhere"):
        choose("auto", tmp_path, vosk_folder=tmp_path / "nowhere")


def test_models_list_and_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command shows every known model with its state and hash; an absent one fails a check by name."""
    monkeypatch.setenv("LAIDIAN_SPEECH__MODELS", str(tmp_path))
    assert main(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["models"]
    assert [r["model"] for r in rows] == [e.id for e in CATALOGUE]
    assert {r["state"] for r in rows} == {"absent"}
    assert all(r["sha256"] for r in rows)
    assert main(["models", "check"]) == 0
    assert main(["models", "check", "whisper-base"]) == 1
    assert main(["models", "list"]) == 0
    assert "43,898,754" in capsys.readouterr().out


def test_unknown_models_and_wrong_ways_are_named() -> None:
    """A model that is not known, or a zip for one that comes from packages, is the user's to mend."""
    with pytest.raises(UsageError, match="whisper-base"):
        spec("whisper-huge")
    with pytest.raises(UsageError, match="models pull"):
        models.install_zip(spec("whisper-base"), Path("x.zip"), Path())
