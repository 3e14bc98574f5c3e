"""班长: listen, whisper, barge, end. One agent at a time; all of it is audited."""

from __future__ import annotations

from cti.errors import DeadlineExceeded, Refused, Unavailable
from screenpop.api import floor_models as m
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.listening import Ear, Listening, NotPossible

_ROLES = ("supervisor",)
_WHY = {
    "off": (403, "监听已由设置关闭（floor.listen）。"),
    "already": (409, "您正在监听 {agent}，请先结束。"),
    "no_device": (409, "您的帐号没有话机：请设置分机号，或在 floor.supervisor_devices 中指定。"),
    "own": (409, "不能监听自己的通话。"),
    "not_talking": (409, "此座席不在通话中，不能监听。"),
    "no_answer": (409, "您的话机没有接听，请检查话机后再试。"),
    "not_listening": (409, "您没有在监听，或对方的通话已经结束。"),
}


def _listening(call: ApiCall) -> Listening:
    if call.ctx.listening is None:
        raise ApiError(503, "no_listening", "监听没有运行。")
    return call.ctx.listening


def _out(ear: Ear | None) -> m.ListeningOut:
    if ear is None:
        return m.ListeningOut(listening=None)
    part = m.ListeningPart(agent=ear.agent, mode=ear.mode, state=ear.state, since=ear.since)
    return m.ListeningOut(listening=part)


def _refusal(e: NotPossible) -> ApiError:
    status, text = _WHY[e.code]
    return ApiError(status, e.code, text.format(agent=e.agent))


_AWAY = ApiError(503, "pbx_away", "与交换机断开，暂时不能监听，恢复后请重试。")


async def get_listening(call: ApiCall) -> m.ListeningOut:
    return _out(_listening(call).of(call.who.username))


async def start_listening(call: ApiCall) -> m.ListeningOut:
    body, here = call.body(m.ListenIn), _listening(call)
    if body.agent not in call.ctx.service.desk:
        raise ApiError(404, "no_such_agent", "没有这个座席。")
    try:
        return _out(await here.start(call.who, body.agent, call.remote))
    except NotPossible as e:
        raise _refusal(e) from None
    except Refused:
        raise _refusal(NotPossible("no_answer")) from None
    except (Unavailable, DeadlineExceeded):
        raise _AWAY from None


async def switch_mode(call: ApiCall) -> m.ListeningOut:
    try:
        return _out(await _listening(call).switch(call.who.username, call.body(m.ModeIn).mode))
    except NotPossible as e:
        raise _refusal(e) from None
    except Refused:
        raise _refusal(NotPossible("not_listening")) from None
    except (Unavailable, DeadlineExceeded):
        raise _AWAY from None


async def end_listening(call: ApiCall) -> m.ListeningOut:
    try:
        await _listening(call).end(call.who.username)
    except (Unavailable, DeadlineExceeded):
        raise _AWAY from None
    return _out(None)


ROUTES = (
    Route("GET", "/floor/listen", get_listening, m.ListeningOut, "我在监听谁", "floor", roles=_ROLES),
    Route(
        "POST",
        "/floor/listen",
        start_listening,
        m.ListeningOut,
        "监听通话中的座席：先响本人话机，麦克风关闭（记入审计）",
        "floor",
        body=m.ListenIn,
        roles=_ROLES,
        errors=(404, 409, 503),
    ),
    Route(
        "PUT",
        "/floor/listen",
        switch_mode,
        m.ListeningOut,
        "切换监听、耳语、插话（记入审计）",
        "floor",
        body=m.ModeIn,
        roles=_ROLES,
        errors=(409, 503),
    ),
    Route(
        "DELETE",
        "/floor/listen",
        end_listening,
        m.ListeningOut,
        "结束监听",
        "floor",
        roles=_ROLES,
        errors=(503,),
    ),
)
