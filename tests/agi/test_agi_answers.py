"""Answers of the store to the menus, and the owner's data for prices and places."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agi_scripts.answers import StoreAnswers
from agi_scripts.ports import Answer, CallInfo
from agi_scripts.service import FILE, Service
from cti.errors import ConfigError, UsageError
from cti.store.tables import complaints
from cti.store.tables_ivr import ivr_requests, surveys
from cti.waybills.sql import SqlWaybills
from ivr_flows.lookups import OPERATIONS
from tests.plugins.agi import CALLER, FOREIGN, OWN, STRANGER, VIP

CALL = CallInfo("pbx1", "1.1", "1.1", CALLER, "95001")
NOW = datetime(2025, 3, 9, 2, 0, tzinfo=UTC)  # ten in the morning in Shanghai


async def _refuse(args, call):
    return Answer("refused")


@pytest.fixture
def answers(ivr_store):
    """All operations, at a fixed moment."""
    return StoreAnswers(
        ivr_store, SqlWaybills(ivr_store), Service.load(), request_callback=_refuse, now=lambda: NOW
    )


ARGS = {
    "customer": [({"caller": CALLER}, "one"), ({"caller": STRANGER}, "none"), ({"caller": ""}, "none")],
    "parcel": [
        ({"number": OWN, "caller": CALLER}, "found"),
        ({"number": FOREIGN, "caller": CALLER}, "locked"),
        ({"number": FOREIGN, "caller": ""}, "locked"),
        ({"number": "1234567890", "caller": CALLER}, "none"),
    ],
    "parcel_unlock": [
        ({"number": FOREIGN, "last4": "2222"}, "found"),
        ({"number": FOREIGN, "last4": "1234"}, "wrong"),
        ({"number": FOREIGN, "last4": ""}, "wrong"),
        ({"number": "1234567890", "last4": "2222"}, "none"),
    ],
    "parcels": [({"caller": CALLER}, "one"), ({"caller": STRANGER}, "none"), ({"caller": ""}, "none")],
    "quote": [
        ({"grams": 2500, "origin": "0755", "destination": "010"}, "quoted"),
        ({"grams": 500, "origin": "0755", "destination": "0999"}, "quoted"),
        ({"grams": 500, "origin": "0755", "destination": "0000"}, "not_served"),
    ],
    "coverage": [
        ({"area": "0755"}, "served"),
        ({"area": "0891"}, "partly"),
        ({"area": "0000"}, "not_served"),
    ],
    "branch_phone": [({"area": "0755"}, "found"), ({"area": "0311"}, "none")],
    "pickup_create": [
        ({"caller": CALLER, "day": "today", "part": "afternoon", "pieces": 2}, "created"),
        ({"caller": STRANGER, "day": "today", "part": "morning", "pieces": 1}, "no_address"),
    ],
    "complaint_create": [
        ({"caller": CALLER, "number": OWN, "category": "破损", "recording": "ivr-1-1"}, "created"),
        ({"caller": "", "number": "", "category": "没有这一类", "recording": ""}, "created"),
    ],
    "claim_create": [
        ({"caller": CALLER, "number": OWN, "category": "破损", "value": 9900, "recording": ""}, "created"),
        ({"caller": CALLER, "number": OWN, "category": "遗失", "value": 100, "recording": ""}, "exists"),
    ],
    "suggestion_create": [({"caller": CALLER, "recording": "ivr-1-2"}, "created")],
    "points": [({"caller": VIP}, "found"), ({"caller": STRANGER}, "none")],
    "callback_request": [({"caller": CALLER, "queue": "hotline", "number": CALLER}, "refused")],
    "survey_save": [({"score": 5, "agent": "1001"}, "saved")],
}


@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - {"queue_status"}))
async def test_every_operation_answers_as_agreed(answers, operation):
    """Every operation of the table is answered with an outcome and fields that the table knows."""
    agreed = OPERATIONS[operation]
    for args, outcome in ARGS[operation]:
        answer = await answers.answer(operation, args, CALL)
        assert answer.outcome == outcome
        assert outcome in agreed.outcomes
        assert set(answer.data) <= set(agreed.fields)


async def test_what_callers_register_is_written_down(answers, ivr_store):
    """Complaint, claim, pick-up, suggestion and score carry the call and what was said."""
    for operation in (
        "complaint_create",
        "claim_create",
        "pickup_create",
        "suggestion_create",
        "survey_save",
    ):
        await answers.answer(operation, ARGS[operation][0][0], CALL)
    await answers.answer("survey_save", {"score": 1, "agent": "1002"}, CALL)
    with ivr_store.begin(write=False) as conn:
        (complaint,) = conn.execute(complaints.select()).mappings().all()
        requests = {r["kind"]: r for r in conn.execute(ivr_requests.select()).mappings()}
        (score,) = conn.execute(surveys.select()).mappings().all()
    assert (complaint["linkedid"], complaint["recording_id"], complaint["channel"]) == (
        "1.1",
        "ivr-1-1",
        "ivr",
    )
    assert complaint["customer_id"] is not None
    assert requests["claim"]["detail"] == {"category": "破损", "value_fen": 9900}
    assert requests["pickup"]["at"] == datetime(2025, 3, 9, 6, tzinfo=UTC)
    assert requests["suggestion"]["recording_id"] == "ivr-1-2"
    assert (score["score"], score["agent"]) == (5, "1001"), "the first score of a call stands"


async def test_nobody_hears_whose_a_parcel_is(answers):
    """The fields of a parcel that callers may hear name neither sender nor receiver."""
    answer = await answers.answer("parcel_unlock", {"number": FOREIGN, "last4": "2222"}, CALL)
    assert "13911112222" not in str(answer.data)
    assert "13500135000" not in str(answer.data)


async def test_pickups_of_a_full_half_day_are_refused(answers, ivr_store):
    """When a part of a day can take no more, the caller is asked for another."""
    args = {"caller": CALLER, "day": "tomorrow", "part": "evening", "pieces": 1}
    outcomes = [(await answers.answer("pickup_create", args, CALL)).outcome for _ in range(101)]
    assert outcomes == ["created"] * 100 + ["full"]


async def test_unknown_operation(answers):
    """An operation that nobody knows is our own mistake."""
    with pytest.raises(UsageError):
        answers.answer("no_such", {}, CALL)


def test_prices():
    """First kilogram, then each begun one; far zones cost more."""
    service = Service.load()
    assert service.quote(400, "0755", "0755").first == 800
    assert service.quote(1001, "0755", "020").first == 1200
    assert service.quote(2500, "0755", "010").first == 2200
    assert service.quote(1000, "0755", "0991").first == 1800
    assert service.quote(1000, "0755", "0000") is None


@pytest.mark.parametrize(
    "change",
    [("first: 800", "first: -1"), ("prices:", "preise:"), ("am", "\t"), ("capacity: 300", "capacity: many")],
)
def test_a_wrong_file_is_refused(tmp_path, change):
    """A price file with a fault is refused with its name."""
    file = tmp_path / "service.yaml"
    file.write_text(FILE.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"service\.yaml"):
        Service.load(file)
