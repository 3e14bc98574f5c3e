"""``laidian doctor`` says what is missing and how to mend it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from cti import obs
from cti.__main__ import main
from cti.store.db import Database
from cti.store.tables import customers


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """The command sets up logging for its whole process; here that process runs other tests too."""
    yield
    structlog.reset_defaults()


def _found(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    status = main(["doctor", "--json", *arguments])
    return status, {f["check"]: f for f in json.loads(capsys.readouterr().out)}


def test_a_wrong_settings_file_tells_all_its_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every fault of the file is named at once, and nothing else is examined."""
    file = tmp_path / "laidian.toml"
    file.write_text('company = 5\n[web]\nport = 99999\nprot = 1\n[[ami]]\nname = "a b"\n', encoding="utf-8")
    status, found = _found(capsys, "--config", str(file))
    assert status == 1
    assert list(found) == ["settings"]
    for key in ("company", "web.port", "web.prot", "ami.0.name", "ami.0.secret"):
        assert key in found["settings"]["text"]


def test_an_empty_store_and_a_deaf_service_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store without tables and a node that nobody answers for are failures with the way to mend them."""
    file = tmp_path / "laidian.toml"
    file.write_text(
        f'[store]\nurl = "sqlite:///{tmp_path}/none.db"\n'
        '[[ami]]\nname = "pbx1"\nport = 1\nusername = "laidian"\nsecret = "only-for-tests"\n',
        encoding="utf-8",
    )
    status, found = _found(capsys, "--config", str(file))
    assert status == 1
    assert found["settings"]["state"] == "ok"
    assert "laidian init-db" in found["store"]["text"]
    assert found["ami"]["state"] == "fail"
    assert "only-for-tests" not in json.dumps(found)


def test_a_store_that_is_ready_is_found_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After ``laidian init-db`` the store is in order and the missing users are named."""
    file = tmp_path / "laidian.toml"
    file.write_text(f'[store]\nurl = "sqlite:///{tmp_path}/laidian.db"\n', encoding="utf-8")
    assert main(["init-db", "--config", str(file)]) == 0
    capsys.readouterr()
    _, found = _found(capsys, "--config", str(file))
    assert found["store"]["state"] == "ok"
    assert "laidian user add" in found["users"]["text"]


def test_a_representative_with_too_many_customers_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """More customers than one representative should have are reported; exactly as many are not."""
    url = f"sqlite:///{tmp_path}/laidian.db"
    file = tmp_path / "laidian.toml"
    settings = f'[store]\nurl = "{url}"\n[routing]\nrepresentative_customers = 2\n'
    file.write_text(settings, encoding="utf-8")
    assert main(["init-db", "--config", str(file)]) == 0
    now, database = datetime.now(UTC), Database(url)
    common = {"kind": "person", "name": "王", "grams": [], "created_at": now, "updated_at": now}
    with database.begin() as conn:
        for n, agent in enumerate(("1001", "1001", "1001", "1002", "1002", "", "", "")):
            conn.execute(sa.insert(customers).values(code=f"C{n}", representative=agent, **common))
    database.close()
    capsys.readouterr()
    _, found = _found(capsys, "--config", str(file))
    assert found["representatives"]["state"] == "warn"
    assert "1001（3 位）" in found["representatives"]["text"]
    assert "1002" not in found["representatives"]["text"]


def test_a_log_that_cannot_be_written_fails_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With standard error closed or its disk full, what is logged is lost and the call goes on."""
    obs.configure()
    log = obs.get_logger("test")
    log.error("before")
    assert "before" in capsys.readouterr().err
    with open("/dev/full", "wb", buffering=0) as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", io.TextIOWrapper(full, write_through=True))
        log.error("to a full disk")
        sys.stderr.detach()
        log.error("to nothing")
    log.error("after")
    assert "after" in capsys.readouterr().err
