"""Bad days of the self-service, over real sockets: whatever happens, the caller is led somewhere sensible."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from aiohttp import web

from agi_scripts.host import running
from agi_scripts.ports import Places
from cti.config import Settings
from cti.store.tables import complaints, contacts, waybill_events, waybills
from tests.plugins.agi import CALLER, FOREIGN, OWN, STRANGER, VIP
from tests.plugins.agi_fake import FakeCall

QUEUES = [{"name": n, "label": n} for n in ("hotline", "vip", "claims")]
COMPLAINT = ("3", "1", "1", "#", "0")
WAYS = {
    "tracking": {"keys": ("1", OWN + "#", "*", "#"), "caller": CALLER},
    "foreign": {"keys": ("1", FOREIGN + "#", "1234", "2222", "2", "#"), "caller": STRANGER},
    "complaint": {"keys": COMPLAINT, "caller": CALLER},
    "green": {"caller": VIP},
    "person": {"keys": ("0",)},
    "survey": {"keys": ("2",), "script": "survey", "args": ("1.2", "95001", "1001")},
    "silent": {},
}


@pytest.fixture
def serve(ivr_store, tmp_path):
    """The server on a free port, without Asterisk."""

    @asynccontextmanager
    async def run(**overrides):
        least_free = overrides.pop("least_free", 0)
        settings = Settings(**{"queues": QUEUES, "agi": {"drain_s": 0.5}, **overrides})
        places = Places(recordings=tmp_path, least_free=least_free)
        async with running(settings, ivr_store, port=0, places=places) as service:
            yield service.server
        assert service.server.calls == 0

    return run


@pytest.fixture
def logged():
    """Everything that is logged, for looking whether a call broke in a way that was not foreseen."""
    with structlog.testing.capture_logs() as entries:
        yield entries


def workers() -> set[str]:
    """Threads beside the store's own pool, which is bounded and grows as it is used."""
    return {t.name for t in threading.enumerate() if not t.name.startswith("store-")}


def led_somewhere(call: FakeCall) -> bool:
    return call.variables.get("LAIDIAN_NEXT") in ("queue", "agent", "hangup")


@pytest.mark.parametrize("way", WAYS)
async def test_each_way_ends_somewhere(serve, way, tmp_path):
    """Every way through the menus ends with a decision, and tells its context once."""
    async with serve() as server:
        call = await FakeCall(**WAYS[way], recordings=tmp_path).run(server.port)
        assert call.ended
        assert led_somewhere(call)
        assert len(call.events) == 1
        assert call.events[0].startswith("LaidianContext,")


@pytest.mark.parametrize("cut", [False, True], ids=["hangup", "cut"])
@pytest.mark.parametrize("way", WAYS)
async def test_hangup_at_every_command(serve, way, cut, tmp_path, logged):
    """A caller who hangs up at any command, or a connection that breaks there, ends that call only."""
    async with serve() as server:
        whole = await FakeCall(**WAYS[way], recordings=tmp_path).run(server.port)
        threads = workers()
        for n in range(len(whole.commands)):
            await FakeCall(**WAYS[way], gone_at=n, cut=cut, recordings=tmp_path).run(server.port)
        await asyncio.sleep(0)
        assert workers() <= threads
    assert [e for e in logged if e["log_level"] == "error"] == []
    assert not [e for e in logged if e["event"] == "ivr_call_broken"]


async def test_hangup_during_the_recording_keeps_the_complaint(serve, ivr_store, tmp_path):
    """Who hangs up while complaining has complained: record and recording are in the store."""
    async with serve() as server:
        whole = await FakeCall(keys=COMPLAINT, caller=CALLER, recordings=tmp_path).run(server.port)
        n = next(i for i, c in enumerate(whole.commands) if c.startswith("RECORD FILE"))
        await FakeCall(keys=COMPLAINT, caller=CALLER, gone_at=n, recordings=tmp_path).run(server.port)
    with ivr_store.begin(write=False) as conn:
        rows = conn.execute(complaints.select().order_by(complaints.c.id)).mappings().all()
    assert len(rows) == 2
    assert (tmp_path / f"{rows[1]['recording_id']}.wav").exists()


@pytest.mark.parametrize("keys", ["*#*#", "0", "5" * 60, "A", "99#", "D*"])
async def test_any_keys_at_every_entry(serve, keys, logged):
    """Odd keys at every single entry never leave the caller nowhere."""
    async with serve() as server:
        for depth in range(6):
            call = await FakeCall(keys=(*("1", OWN + "#", "3", "1", "#")[:depth], *[keys] * 40)).run(
                server.port
            )
            assert led_somewhere(call)
    assert [e for e in logged if e["log_level"] == "error"] == []


@pytest.mark.parametrize("key", "0123456789*#")
async def test_a_key_during_every_prompt(serve, key, tmp_path):
    """A key that stops every prompt leads somewhere too."""
    async with serve() as server:
        for way in WAYS.values():
            call = await FakeCall(**way, interrupt=key, recordings=tmp_path).run(server.port)
            assert led_somewhere(call)


async def test_random_callers(serve, tmp_path, logged):
    """Two hundred callers who press at random, some of whom hang up, all end; none breaks."""
    dice = random.Random(20250)
    pool = [
        "",
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "#",
        "*",
        "12",
        OWN + "#",
        FOREIGN + "#",
        "2222",
        "0755",
        "9*9",
        "5*5#",
    ]
    async with serve() as server:

        async def one() -> FakeCall:
            gone = dice.randrange(60) if dice.random() < 0.3 else -1
            caller = dice.choice(
                [CALLER, STRANGER, VIP, "anonymous", "", "95338", "138****8000", "+85221234567"]
            )
            keys = [dice.choice(pool) for _ in range(40)]
            return await FakeCall(
                keys=keys, caller=caller, gone_at=gone, cut=dice.random() < 0.5, recordings=tmp_path
            ).run(server.port, 60)

        for _ in range(4):
            for call in await asyncio.gather(*(one() for _ in range(50))):
                assert led_somewhere(call) or 0 <= call.gone_at < len(call.commands)
    assert [e for e in logged if e["log_level"] == "error"] == []


async def test_bytes_one_by_one(serve):
    """Asterisk's bytes may come one at a time."""
    async with serve() as server:
        call = await FakeCall(**WAYS["tracking"], drip=True).run(server.port)
        assert led_somewhere(call)
        assert "laidian/parcel_delivering" in call.played


async def test_usage_text_at_every_command_leads_to_a_person(serve, logged):
    """A command that Asterisk refuses with 520 lines ends the menus; the dialplan then apologises."""
    async with serve() as server:
        whole = await FakeCall(**WAYS["tracking"]).run(server.port)
        for n in range(len(whole.commands)):
            call = await FakeCall(**WAYS["tracking"], usage_at=n).run(server.port)
            assert call.ended
    assert not [e for e in logged if e["event"] == "agi_script_failed"]


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n\r\n", b"\n", b"agi_x: y\n\n", b"\xff\xfe\n\n", b"a" * 70_000]
)
async def test_junk_connections(serve, first):
    """What is no call is closed without disturbing the others."""
    async with serve() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(first)
        with contextlib.suppress(ConnectionResetError):  # closed with bytes of ours unread
            assert await asyncio.wait_for(reader.read(), 8) == b""
        writer.close()
        assert led_somewhere(await FakeCall(**WAYS["person"]).run(server.port))


async def test_no_space_for_a_recording(serve, ivr_store, tmp_path):
    """With a full disk the complaint is stored without a recording and no file is left."""
    async with serve(least_free=10**18) as server:
        call = await FakeCall(keys=COMPLAINT, caller=CALLER).run(server.port)
    assert led_somewhere(call)
    assert not any(c.startswith("RECORD") for c in call.commands)
    with ivr_store.begin(write=False) as conn:
        (row,) = conn.execute(complaints.select()).mappings().all()
    assert row["recording_id"] == ""
    assert list(tmp_path.glob("*.wav")) == []


@pytest.mark.parametrize(
    "record", ["-1 (writefile)", "0 (timeout) endpos=160000", "-1 (randomerror) endpos=0"]
)
async def test_recording_that_was_not_written(serve, ivr_store, tmp_path, record):
    """A recording that Asterisk could not write, or wrote a fraction of, is not kept as if it were there."""
    async with serve() as server:
        call = await FakeCall(keys=COMPLAINT, caller=CALLER, record=record, recordings=tmp_path).run(
            server.port
        )
    assert led_somewhere(call)
    with ivr_store.begin(write=False) as conn:
        (row,) = conn.execute(complaints.select()).mappings().all()
    assert row["recording_id"] == ""
    assert list(tmp_path.glob("*.wav")) == []


async def test_recording_names_hold_nothing_of_the_caller(serve, tmp_path):
    """A recording is named by the channel's id, cleaned."""
    async with serve() as server:
        call = await FakeCall(keys=COMPLAINT, caller=CALLER, recordings=tmp_path).run(server.port)
    (line,) = [c for c in call.commands if c.startswith("RECORD FILE")]
    assert Path(line.split('"')[1]) == tmp_path / "ivr-1700000000.1-1"


async def test_more_calls_than_allowed_are_closed_at_once(serve):
    """At the maximum a further call is given back to the dialplan, the running ones go on."""
    async with serve(agi={"drain_s": 0.2, "max_calls": 1}) as server:
        first = asyncio.create_task(FakeCall(silent_at=0).run(server.port))
        while not server.calls:
            await asyncio.sleep(0.01)
        second = await FakeCall().run(server.port)
        assert second.commands == []
        assert server.refused == 1
    await first


async def test_drain_lets_calls_end_and_cuts_the_rest(ivr_store, tmp_path):
    """Stopping refuses new calls, lets a call that ends in time end, and gives the others to the dialplan."""
    settings = Settings(queues=QUEUES, agi={"drain_s": 1.0})
    async with running(settings, ivr_store, port=0, places=Places(recordings=tmp_path)) as service:
        server = service.server
        port = server.port
        stuck = asyncio.create_task(FakeCall(silent_at=2).run(port))
        while not server.calls:
            await asyncio.sleep(0.01)
    call = await stuck
    assert "LAIDIAN_NEXT" not in call.variables
    assert server.calls == 0
    with pytest.raises(ConnectionRefusedError):
        await FakeCall().run(port)


HOSTILE = '"\nSET VARIABLE "__LAIDIAN_QUEUE" "evil"\n${SHELL(id)},x: y&& ../../etc'


def parcel(number: str, **more: object) -> dict[str, object]:
    return {
        "number": number,
        "state": "problem",
        "updated_at": "2026-11-22T08:00:00Z",
        "receiver_phone": CALLER,
        **more,
    }


async def _answer(request: web.Request) -> web.StreamResponse:
    """A waybill service that is what the number says."""
    number = request.match_info["number"]
    match number[-2:]:
        case "01":
            return web.json_response(parcel(number))
        case "02":
            await asyncio.sleep(5)
        case "03":
            return web.Response(text="{not json")
        case "04":
            return web.json_response([1, 2])
        case "05":
            return web.Response(status=500)
        case "06":
            return web.json_response(
                parcel(
                    number,
                    reason=HOSTILE,
                    place=HOSTILE,
                    destination=HOSTILE,
                    signer=HOSTILE,
                    problem=HOSTILE,
                )
            )
        case "07":
            return web.json_response(parcel(number, state=HOSTILE))
        case "08":
            return web.Response(text="[" * 100_000)
        case "09":
            return web.json_response(parcel(number, reason="x" * 400_000))
        case "10":
            return web.json_response(parcel(number, updated_at="yesterday"))
        case "11":
            return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})
    return web.Response(status=404)


@pytest.fixture
async def waybill_service():
    """The service on a free port."""
    app = web.Application()
    app.router.add_get("/waybills/{number}", _answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("last", range(1, 13))
async def test_waybill_service_on_bad_days(serve, waybill_service, last):
    """Slow, away, nonsense or hostile: the caller hears something sensible and nothing is injected."""
    async with serve(waybills={"backend": "http", "url": waybill_service}) as server:
        call = await FakeCall(keys=("1", f"8001002003{last:02}#", "#"), caller=CALLER).run(server.port)
    assert led_somewhere(call)
    told = [s for s in call.played if s.startswith("laidian/parcel") or s == "laidian/your_parcel_tail"]
    assert bool(told) == (last in (1, 6, 7))
    if last not in (1, 6, 7, 12):
        assert "laidian/system_busy" in call.played
    assert call.variables.get("LAIDIAN_QUEUE") in (None, "hotline")
    assert not [c for c in call.commands if "evil" in c or "SHELL" in c]


async def test_waybill_service_that_is_not_there(serve):
    """With nobody listening the caller is told so and given to a person, at once after some failures."""
    async with serve(waybills={"backend": "http", "url": "http://127.0.0.1:9"}) as server:
        for _ in range(7):
            call = await FakeCall(keys=("1", OWN + "#")).run(server.port)
            assert "laidian/system_busy" in call.played
            assert call.variables["LAIDIAN_NEXT"] == "queue"


async def test_store_that_is_away(serve, ivr_store, tmp_path):
    """With the store gone the menus work as far as they can and end with a person."""
    async with serve() as server:
        ivr_store.close()
        for way in WAYS.values():
            call = await FakeCall(**way, recordings=tmp_path).run(server.port)
            assert led_somewhere(call)


async def test_a_served_call_is_a_contact(serve, ivr_store, tmp_path):
    """A call that needed no person is in the customer's history; one that went on to a person is not."""
    async with serve() as server:
        await FakeCall(**WAYS["tracking"], recordings=tmp_path).run(server.port)
        await FakeCall(**WAYS["person"], recordings=tmp_path).run(server.port)
    with ivr_store.begin(write=False) as conn:
        (row,) = conn.execute(contacts.select()).mappings().all()
    assert (row["channel"], row["waybill"], row["linkedid"]) == ("ivr", OWN, "1700000000.1")
    assert row["customer_id"] is not None
    assert "快件跟踪" in row["ivr"]["path"]


async def test_a_place_without_recording_is_spoken(serve, ivr_store, tmp_path):
    """A place that nobody recorded is spoken, at the latest the second time; the rest is always heard."""
    with ivr_store.begin() as conn:
        conn.execute(waybills.update().where(waybills.c.number == OWN).values(state="in_transit"))
        conn.execute(waybill_events.update().values(place="霞浦镇"))
    async with serve(asterisk={"directory": tmp_path / "pbx"}) as server:
        first = await FakeCall(**WAYS["tracking"]).run(server.port)
        call = await FakeCall(**WAYS["tracking"]).run(server.port)
    assert "laidian/your_parcel_tail" in first.played
    spoken = [s for s in call.played if "tts" in s]
    made = list((tmp_path / "pbx/data/sounds/laidian/tts").glob("*.wav"))
    assert len(spoken) == len(made)
    assert [s.rpartition("/")[2] for s in spoken] == [f.stem for f in made]
    if shutil.which("espeak-ng"):
        assert spoken
    assert "laidian/your_parcel_tail" in call.played
