"""The phone in the browser: whether there is one, and how its talks sounded."""

from __future__ import annotations

from cti.store.repos.phone import save_quality
from screenpop.api import models as m
from screenpop.api import phone_models as pm
from screenpop.api.pops import own_pop
from screenpop.api.route import ApiCall, ApiError, Route
from screenpop.phone.devices import browser_phones, phone_node

DOMAIN = "laidian"  # the realm of Asterisk's users; nobody resolves it


async def get_phone(call: ApiCall) -> pm.PhoneOut:
    settings, agent = call.ctx.settings, call.who.agent
    phone = browser_phones(settings).get(agent)
    usable = phone is not None and phone_node(settings) is not None
    devices = next((a.devices or (a.number,) for a in settings.agents if a.number == agent), ())
    s = settings.softphone
    return pm.PhoneOut(
        device=phone.device if phone and usable else "",
        uri=f"sip:{phone.device}@{DOMAIN}" if phone and usable else "",
        beside=phone.beside if phone and usable else devices,
        why_not="" if usable else "no_node" if phone else "no_device",
        auto_answer=s.auto_answer,
        auto_answer_s=s.auto_answer_s,
        limits=pm.PhoneLimits(
            rtt_ms=s.rtt_ms, loss_percent=s.loss_percent, jitter_ms=s.jitter_ms, silent_s=s.silent_s
        ),
    )


async def post_quality(call: ApiCall) -> m.Done:
    body = call.body(pm.QualityIn)
    phone = browser_phones(call.ctx.settings).get(call.who.agent)
    if phone is None:
        raise ApiError(409, "no_phone", "此帐号没有网页话机。")
    pop, _, _ = await own_pop(call, body.pop_id)
    told = body.model_dump(exclude={"pop_id", "leg", "seconds"})
    await call.ctx.db.write(
        lambda conn: save_quality(
            conn,
            pop_id=pop.id,
            leg=body.leg,
            agent=call.who.agent,
            device=phone.device,
            told_at=call.ctx.now(),
            seconds=body.seconds,
            **told,
        )
    )
    return m.Done()


ROUTES = (
    Route("GET", "/phone", get_phone, pm.PhoneOut, "本人的话机：网页话机与桌上的话机", "phone"),
    Route(
        "POST",
        "/phone/quality",
        post_quality,
        m.Done,
        "网页话机的通话质量（时延、丢包、抖动）",
        "phone",
        body=pm.QualityIn,
        errors=(404, 409),
    ),
)
