"""A private PostgreSQL 15 per test process, and stores on both databases with the schema in place."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from cti.store.db import Database
from cti.store.migrations import upgrade

_BIN = Path("/usr/lib/postgresql/15/bin")
_START_S = 30.0
# nothing here has to survive a power cut
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=128MB")


def _as_postgres() -> list[str]:
    """PostgreSQL refuses to run as root; the server also dies with the test process."""
    base = ["setpriv", "--pdeathsig", "TERM"]
    if os.geteuid() == 0:
        base += ["--reuid", "postgres", "--regid", "postgres", "--init-groups"]
    return [*base, "--"]


def dsn(url: str) -> dict[str, str]:
    """What psycopg needs to reach the database of a URL of `Cluster.url`."""
    name, _, host = url.removeprefix("postgresql+psycopg://postgres@/").partition("?host=")
    return {"dbname": name, "host": host, "user": "postgres"}


@dataclass(slots=True)
class Cluster:
    """One running server, reached over a socket in its own folder."""

    folder: Path
    process: subprocess.Popen[bytes]
    _serial: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        dsn = f"host={self.folder} user=postgres dbname=postgres"
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement.encode())

    def create(self, template: str = "template0") -> str:
        name = f"test_{next(self._serial)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def start_cluster(settings: tuple[str, ...] = _QUICK) -> Cluster:
    """Make and start a cluster in a new folder; RuntimeError with the reason where that cannot be done."""
    if not (_BIN / "postgres").exists():
        raise RuntimeError(f"PostgreSQL 15 is not installed ({_BIN})")
    if shutil.which("setpriv") is None:
        raise RuntimeError("setpriv (util-linux) is not installed")
    folder = Path(tempfile.mkdtemp(prefix="laidian-pg-"))
    if os.geteuid() == 0:
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            raise RuntimeError("there is no user postgres to run the server as") from None
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data = folder / "data"
    init = [str(_BIN / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    done = subprocess.run(
        [*_as_postgres(), *init, "--locale=C.UTF-8"], capture_output=True, text=True, cwd=folder, timeout=60
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr[-400:]}")
    options = [arg for setting in settings for arg in ("-c", setting)]
    server = [str(_BIN / "postgres"), "-D", str(data), "-k", str(folder), "-c", "listen_addresses=", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*_as_postgres(), *server], stdout=log, stderr=log, cwd=folder)
    cluster = Cluster(folder, process)
    give_up = time.monotonic() + _START_S
    while True:
        try:
            cluster.execute("SELECT 1")
            return cluster
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > give_up:
                stop_cluster(cluster)
                raise RuntimeError(
                    f"the server did not start: {(folder / 'log').read_text()[-400:]}"
                ) from None
            time.sleep(0.05)


def stop_cluster(cluster: Cluster) -> None:
    """Stop the server and remove its folder."""
    cluster.process.terminate()
    try:
        cluster.process.wait(10)
    except subprocess.TimeoutExpired:
        cluster.process.kill()
        cluster.process.wait(10)
    shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    try:
        cluster = start_cluster()
    except RuntimeError as e:
        pytest.skip(str(e))
    yield cluster
    stop_cluster(cluster)


@pytest.fixture(scope="session")
def _postgres_template(postgres_cluster: Cluster) -> str:
    postgres_cluster.execute("CREATE DATABASE laidian_template TEMPLATE template0")
    _migrate(postgres_cluster.url("laidian_template"))
    return "laidian_template"


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite-template") / "template.db"
    _migrate(f"sqlite:///{file}")
    return file


def _migrate(url: str) -> None:
    database = Database(url)
    upgrade(database)
    database.close()


@pytest.fixture
def empty_postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """A database of its own without any table."""
    name = postgres_cluster.create()
    yield postgres_cluster.url(name)
    postgres_cluster.drop(name)


@pytest.fixture
def postgres_url(postgres_cluster: Cluster, _postgres_template: str) -> Iterator[str]:
    """A database of its own with the schema in place."""
    name = postgres_cluster.create(_postgres_template)
    yield postgres_cluster.url(name)
    postgres_cluster.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """A file of its own with the schema in place."""
    file = tmp_path / "laidian.db"
    shutil.copyfile(_sqlite_template, file)
    return f"sqlite:///{file}"


_BOTH = ("sqlite", pytest.param("postgres", marks=pytest.mark.postgres))


@pytest.fixture(params=_BOTH)
def database_url(request: pytest.FixtureRequest) -> str:
    """Both kinds of store in turn, with the schema in place."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=_BOTH)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Both kinds of store in turn, without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open store of both kinds in turn."""
    opened = Database(database_url)
    yield opened
    opened.close()
