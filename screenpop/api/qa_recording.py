"""The agent's switch: nothing is recorded while payment data are spoken."""

from __future__ import annotations

from cti.errors import DeadlineExceeded, Refused, StateError, TransportError, Unavailable
from screenpop.api import qa_models as m
from screenpop.api.pops import own_pop
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.recordings import Recordings, Shown


async def get_recording(call: ApiCall) -> m.RecordingOut:
    pop, _, _ = await own_pop(call, call.path["pop_id"])
    return _answer(_recordings(call).shown(pop.key, pop.agent))


async def pause_recording(call: ApiCall) -> m.RecordingOut:
    paused = call.body(m.RecordingIn).paused
    pop, _, _ = await own_pop(call, call.path["pop_id"])
    try:
        return _answer(await _recordings(call).pause(pop.key, pop.agent, paused, call.ctx.now()))
    except (StateError, Refused):
        raise ApiError(409, "not_recording", "这通电话现在没有在录音。") from None
    except (Unavailable, TransportError, DeadlineExceeded):
        raise ApiError(
            503, "pbx_away", "交换机没有应答，录音状态没有改变；请先不要让客户说支付信息。"
        ) from None


def _recordings(call: ApiCall) -> Recordings:
    found = call.ctx.recordings
    if found is None:
        raise ApiError(409, "not_recording", "这通电话现在没有在录音。")
    return found


def _answer(shown: Shown) -> m.RecordingOut:
    return m.RecordingOut(paused=shown.since is not None, recording=shown.recording, since=shown.since)


_ID = {"pop_id": str}
ROUTES = (
    Route("GET", "/calls/{pop_id}/recording", get_recording, m.RecordingOut, "录音状态", "qa", params=_ID),
    Route(
        "POST",
        "/calls/{pop_id}/recording",
        pause_recording,
        m.RecordingOut,
        "暂停或恢复录音（客户说支付信息时）",
        "qa",
        params=_ID,
        body=m.RecordingIn,
        errors=(409,),
    ),
)
