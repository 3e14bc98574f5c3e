"""Import and export over HTTP: dry run, faults with their lines, progress, roles, round trip."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import aiohttp

from cti.store import repos
from tests.plugins.screenpop import PopLine

GOOD = "编号,客户名称,移动电话\nN1,新客户甲,13911110001\nN2,新客户乙,13911110002\n"
BAD = "编号,客户名称,移动电话\nN1,新客户甲,13911110001\nN2,,abc\n"


async def _send(line: PopLine, kind: str, data: bytes, user: str = "boss", **query: str) -> tuple[int, Any]:
    headers = {
        "Authorization": f"Bearer {await line.token(user)}",
        "Content-Type": "application/octet-stream",
    }
    url = f"{line.base}/api/v1/imports/{kind}"
    async with line.http.post(
        url, data=data, params={"name": "客户 1.csv"} | query, headers=headers
    ) as answer:
        return answer.status, await answer.json()


async def _over(line: PopLine, job: Any) -> Any:
    async with asyncio.timeout(20):
        while job["state"] == "running":
            _, job = await line.api("GET", f"/imports/jobs/{job['id']}", user="boss")
            await asyncio.sleep(0.02)
    return job


async def test_upload_is_checked_then_written(popline: PopLine) -> None:
    """A dry run names line and reason and writes nothing; then the file is imported, once."""
    assert (await _send(popline, "customers", GOOD.encode(), user="a1001"))[0] == 403
    status, job = await _send(popline, "customers", BAD.encode("gb18030"))
    assert status == 202
    job = await _over(popline, job)
    assert (job["state"], job["bad"], job["written"]) == ("refused", 1, False)
    assert {(f["line"], f["column"]) for f in job["faults"]} == {(3, "客户名称"), (3, "移动电话")}
    job = await _over(popline, (await _send(popline, "customers", GOOD.encode()))[1])
    assert (job["state"], job["rows"], job["written"]) == ("done", 2, False)
    job = await _over(popline, (await _send(popline, "customers", GOOD.encode(), dry_run="false"))[1])
    assert (job["state"], job["created"], job["written"]) == ("done", 2, True)
    again = await _over(popline, (await _send(popline, "customers", GOOD.encode(), dry_run="false"))[1])
    assert (again["written"], again["already"] is not None) == (False, True)
    job = await _over(popline, (await _send(popline, "customers", b"\x00\x01"))[1])
    assert (job["state"], "/tmp" in job["error"]) == ("failed", False)
    assert (await _send(popline, "customers", b""))[0] == 400
    assert (await _send(popline, "users", b"x"))[0] == 404
    _, listed = await popline.api("GET", "/imports", user="boss")
    assert [(i["kind"], i["created"], i["who"]) for i in listed["items"]] == [("customers", 2, "boss")]


async def test_an_export_comes_back_unchanged(popline: PopLine) -> None:
    """What a supervisor downloads can be uploaded again without a change, and stands in the audit log."""
    assert (await popline.api("GET", "/exports/customers", user="a1001"))[0] == 403
    headers = {"Authorization": f"Bearer {await popline.token('boss')}"}
    for kind, form in (("customers", "csv"), ("customers", "xlsx")):
        async with popline.http.get(
            f"{popline.base}/api/v1/exports/{kind}?form={form}", headers=headers
        ) as answer:
            assert answer.status == 200
            assert f"{kind}-" in answer.headers["Content-Disposition"]
            data = await answer.read()
        job = await _over(
            popline, (await _send(popline, kind, data, dry_run="false", name=f"客户.{form}"))[1]
        )
        assert (job["created"], job["changed"], job["bad"]) == (0, 0, 0), job
        assert job["unchanged"] > 0
    entries = await popline.parts.ctx.db.run(repos.list_audit)
    assert [(e["subject"], e["who"]) for e in entries if e["action"] == "export"] == [
        *(("customers", "boss"), ("customers", "boss")),
    ]


async def test_two_uploads_at_once(popline: PopLine) -> None:
    """While one import runs a second one is refused clearly."""
    rows = "".join(f"M{i},客户{i},{13800100000 + i}\n" for i in range(3000))
    data = ("编号,客户名称,移动电话\n" + rows).encode()
    first, second = await asyncio.gather(
        _send(popline, "customers", data, dry_run="false"), _send(popline, "customers", data, dry_run="false")
    )
    statuses = sorted((first[0], second[0]))
    assert statuses == [202, 409]
    job = next(j for s, j in (first, second) if s == 202)
    assert (await _over(popline, job))["created"] == 3000


async def test_an_upload_that_breaks_off_leaves_nothing(popline: PopLine) -> None:
    """A browser that goes away in the middle neither blocks the next import nor writes anything."""

    async def half() -> Any:
        yield b"\xe7\xbc\x96"
        raise ConnectionResetError

    headers = {"Authorization": f"Bearer {await popline.token('boss')}"}
    url = f"{popline.base}/api/v1/imports/customers?name=x.csv"
    with contextlib.suppress(aiohttp.ClientError, ConnectionResetError):
        await popline.http.post(url, data=half(), headers=headers)
    job = await _over(popline, (await _send(popline, "customers", GOOD.encode(), dry_run="false"))[1])
    assert job["created"] == 2
