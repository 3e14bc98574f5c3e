"""Problem items over HTTP: checked while one types, refused with what is missing, closed once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.plugins.screenpop import PopLine

WHOLE = "3月10日9点 李女士 外箱破损拒收 13800138000"


def _item(**more: Any) -> dict[str, Any]:
    arose = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
    return {"kind": "damage", "shift": "mid", "arose_at": arose, "remark": WHOLE, **more}


async def test_the_remark_is_checked_and_refused_with_what_is_missing(popline: PopLine) -> None:
    """domain.md §6: four elements, void remarks — what is missing is named, void remarks are refused."""
    _, found = await popline.api("POST", "/problems/check", user="a1001", body=_item(remark="外箱破损"))
    assert (found["valid"], found["missing"]) == (False, ["产生时间", "联系人", "联系电话"])
    status, no = await popline.api("POST", "/problems", user="a1001", body=_item(remark="外箱破损"))
    assert (status, no["error"]["code"]) == (422, "remark_incomplete")
    assert no["error"]["detail"] == {"missing": ["产生时间", "联系人", "联系电话"], "void": False}
    assert "联系电话" in no["error"]["message"]
    status, no = await popline.api("POST", "/problems", user="a1001", body=_item(remark="正在派送"))
    assert (status, no["error"]["detail"]["void"]) == (422, True)
    _, listed = await popline.api("GET", "/problems", user="boss")
    assert listed["total"] == 0
    assert (await popline.api("POST", "/problems", user="qa", body=_item()))[0] == 403


async def test_an_item_stands_at_its_waybill_until_it_is_closed(popline: PopLine) -> None:
    """Registered once a kind and waybill; the waybill and so the pop shows it; closed with a result, once."""
    body = _item(waybill="sf1234567890")
    status, made = await popline.api("POST", "/problems", user="a1001", body=body)
    assert (status, made["waybill"], made["overdue"]) == (201, "SF1234567890", False)
    arose, due = (datetime.fromisoformat(made[n]) for n in ("arose_at", "due_at"))
    assert due - arose == timedelta(minutes=30)
    assert "138****8000" in made["remark"]
    status, there = await popline.api("POST", "/problems", user="a1002", body=body)
    assert (status, there["error"]["detail"]["code"]) == (409, made["code"])
    _, waybill = await popline.api("GET", "/waybills/SF1234567890", user="a1001")
    assert made["code"] in waybill["waybill"]["problem"]
    close = {"version": 1, "result": "已赔付"}
    path = f"/problems/{made['id']}/close"
    assert (await popline.api("POST", path, user="a1002", body=close))[0] == 200
    assert (await popline.api("POST", path, user="a1002", body=close))[0] == 409
    _, waybill = await popline.api("GET", "/waybills/SF1234567890", user="a1001")
    assert waybill["waybill"]["problem"] == ""
    assert (await popline.api("POST", "/problems/999/close", user="boss", body=close))[0] == 404


async def test_late_items_come_first(popline: PopLine) -> None:
    """domain.md §6: late ones — what was registered too late and is still open is on top and counted."""
    old = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    await popline.api("POST", "/problems", user="a1001", body=_item(arose_at=old))
    await popline.api("POST", "/problems", user="a1001", body=_item(kind="other"))
    _, listed = await popline.api("GET", "/problems", user="boss")
    assert [(i["kind"], i["overdue"], i["registered_late"]) for i in listed["items"]] == [
        ("damage", True, True),
        ("other", False, False),
    ]
    assert {n: listed[n] for n in ("total", "open", "overdue", "late")} == {
        "total": 2,
        "open": 2,
        "overdue": 1,
        "late": 1,
    }
    ahead = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    assert (await popline.api("POST", "/problems", user="a1001", body=_item(arose_at=ahead)))[0] == 400
    assert (await popline.api("POST", "/problems", user="a1001", body=_item(waybill="!")))[0] == 400
