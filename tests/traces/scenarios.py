"""What is played on the real Asterisk for each named trace, and the story that must come of it.

The stories are written by hand from what a user should see; `record.py` refuses to store a trace whose
story is another.
"""

from __future__ import annotations

import asyncio

from asterisk_conf import scenario as do
from cti.domain.call import AgentEvent, AgentState, CallEventKind
from tests.traces.control_scenarios import CONTROL
from tests.traces.desk_phone import DeskPhone
from tests.traces.scenario import CALLER, Scenario
from tests.traces.stage import Stage

Kind = CallEventKind


async def direct(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=0.3)
    await s.available("1001")
    await s.phones.call("1001", name="刘女士", hold=0.7)
    await s.ended()


async def ring_all(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=None)
    await s.phones.agent("1002", answer_after=0.5)
    await s.phones.agent("1003", answer_after=None)
    await s.available("1001", "1002", "1003")
    await s.phones.call("95543", name="刘女士", hold=2.0)
    await s.ended()


async def hunt(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=None)
    await s.phones.agent("1002", answer_after=0.3)
    await s.available("1001", "1002")
    await s.phones.call("95544", hold=6.5)
    await s.ended()


async def abandoned(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=None)
    await s.phones.agent("1002", answer_after=None)
    await s.available("1001", "1002")
    await s.phones.call("95544", hold=1.0)
    await s.ended()


async def abandoned_ringing(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=None)
    await s.available("1001")
    await s.phones.call("1001", hold=1.0, give_up_after=0.7)
    await s.ended()


async def rejected(s: Stage) -> None:
    await s.phones.agent("1001", reject=486)
    await s.phones.agent("1002", answer_after=0.3)
    await s.available("1001", "1002")
    await s.phones.call("95544", hold=2.0)
    await s.ended()


async def declined(s: Stage) -> None:
    await s.phones.agent("1001", reject=603)
    await s.available("1001")
    await s.phones.call("1001", hold=0.7)
    await s.ended()


async def blind(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=0.3, steps=(do.wait(0.7), do.refer("1002"), do.hangup()))
    await s.phones.agent("1002", answer_after=0.5)
    await s.available("1001", "1002")
    await s.phones.call("1001", name="刘女士", hold=4.0)
    await s.ended()


async def blind_from_queue(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=0.3, steps=(do.wait(0.7), do.blind_transfer("1002")))
    await s.available("1001")
    await s.phones.call("95544", name="刘女士", hold=8.0)
    await s.told(Kind.ANSWERED, "1001")
    await s.phones.agent("1002", answer_after=0.5)
    await s.ended()


async def attended(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=0.3, steps=(do.wait(0.5), *do.attended_transfer("1002", 2.0)))
    await s.phones.agent("1002", answer_after=0.5)
    await s.available("1001", "1002")
    await s.phones.call("1001", name="刘女士", hold=9.0)
    await s.ended()


async def attended_by_phone(s: Stage) -> None:
    """As desk phones do it: two calls of their own, joined by REFER with Replaces."""
    async with DeskPhone(s.settings, "1001") as desk:
        await s.phones.agent("1002", answer_after=0.5)
        await s.available("1001", "1002")
        await s.phones.call("1001", name="刘女士", hold=3.5)
        caller = await desk.ring_and_answer()
        await s.told(Kind.ANSWERED, "1001")
        await desk.hold(caller)
        await s.told(Kind.HELD, "1001")
        colleague = await desk.call("1002")
        await s.told(Kind.ANSWERED, "1002")
        await desk.transfer(caller, colleague)
        await s.told(Kind.TRANSFERRED, "1001")
        for line in (caller, colleague):
            await desk.hang_up(line)
        await s.ended()


async def transferred_while_ringing(s: Stage) -> None:
    """The agent dials a colleague, and gives the caller away before the colleague has answered."""
    await s.phones.agent("1001", answer_after=0.3, steps=(do.wait(0.5), *do.attended_transfer("1002", 0.1)))
    await s.phones.agent("1002", answer_after=2.5)
    await s.available("1001", "1002")
    await s.phones.call("1001", name="刘女士", hold=9.0)
    await s.ended()


async def hold(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=0.3, steps=(do.wait(0.5), do.hold(), do.wait(0.7), do.resume()))
    await s.available("1001")
    await s.phones.call("1001", hold=2.5)
    await s.ended()


async def two_devices(s: Stage) -> None:
    await s.phones.agent("1004a", answer_after=None)
    await s.phones.agent("1004b", answer_after=0.5)
    await s.available("1004")
    await s.phones.call("1004", hold=0.7)
    await s.ended()


async def two_devices_in_queue(s: Stage) -> None:
    await s.phones.agent("1004a", answer_after=0.5)
    await s.phones.agent("1004b", answer_after=None)
    await s.available("1004")
    await s.phones.call("95545", hold=2.0)
    await s.ended()


async def local_channels(s: Stage) -> None:
    await s.phones.agent("1004a", answer_after=0.3)
    await s.phones.agent("1004b", answer_after=None)
    await s.available("1004")
    await s.client.originate(
        "Local/95545@from-trunk", application="Wait", data="2", caller_id="刘女士 <13800138000>"
    )
    await s.ended()


async def _click(s: Stage) -> None:
    """What the service sends when an agent clicks (screenpop.dial)."""
    await s.client.originate(
        "PJSIP/1001",
        exten=CALLER,
        context="click-to-dial",
        caller_id='"外呼 #7" <95543>',
        variables={"LAIDIAN_DIAL": "7", "LAIDIAN_TASK": "12"},
    )


async def click_to_dial(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=0.3)
    await s.phones.outside(s.carrier, answer_after=0.4, steps=(do.wait(0.7), do.hangup()))
    await s.available("1001")
    await _click(s)
    await s.ended()


async def click_to_dial_busy(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=0.3)
    await s.phones.outside(s.carrier, reject=486)
    await s.available("1001")
    await _click(s)
    await s.ended()


async def paused(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=0.3)
    await s.phones.agent("1002", answer_after=0.3)
    await s.available("1001", "1002")
    await s.client.queue_pause("PJSIP/1001", True, "小休")
    await s.until(lambda e: isinstance(e, AgentEvent) and e.state is AgentState.PAUSED and e.reason == "小休")
    await s.phones.call("95544", hold=1.7)
    await s.ended()
    await s.client.queue_pause("PJSIP/1001", False)
    await s.available("1001")


async def consult(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=0.3, steps=(do.wait(0.5), do.hold(), do.wait(2.5), do.resume()))
    await s.phones.agent("1002", answer_after=0.3)
    await s.available("1001", "1002")
    await s.phones.call("1001", name="刘女士", hold=4.5)
    await s.told(Kind.HELD, "1001")
    await s.phones.call("1002", device="1001", hold=0.7)
    await s.ended()


async def cut(s: Stage) -> None:
    """The connection goes while two phones ring, one of them answers meanwhile."""
    await s.phones.agent("1001", answer_after=1.0)
    await s.phones.agent("1002", answer_after=None)
    await s.available("1001", "1002")
    await s.phones.call("95543", name="刘女士", hold=4.0)
    await s.told(Kind.OFFERED, times=2)
    await s.proxy.refuse()
    s.proxy.cut()
    await asyncio.sleep(1.5)
    await s.proxy.listen()
    await s.ended()


async def cut_and_missed(s: Stage) -> None:
    """A call ends, and another begins, while nobody listens."""
    await s.phones.agent("1001", answer_after=0.3)
    await s.phones.agent("1002", answer_after=0.3)
    await s.available("1001", "1002")
    await s.phones.call("1001", hold=0.5)
    await s.told(Kind.ANSWERED, "1001")
    await s.proxy.refuse()
    s.proxy.cut()
    await asyncio.sleep(1.0)
    second = await s.phones.call("1002", number="13900139000", hold=2.5)
    await second.event("answered")
    await asyncio.sleep(0.2)
    await s.proxy.listen()
    await s.ended(2)


async def twenty(s: Stage) -> None:
    await s.phones.agent("1001", answer_after=0.2, steps=(do.wait(0.5), do.hangup()))
    await s.phones.agent("1002", answer_after=0.2, steps=(do.wait(0.5), do.hangup()))
    await s.available("1001", "1002")
    for n in range(20):
        await s.phones.call("95544", number=f"138001380{n:02d}", hold=40.0)
    await s.ended(20, timeout_s=60)


SCENARIOS = [
    Scenario(
        "click_to_dial",
        "an agent clicks: the agent's phone first, then the customer, who hangs up",
        click_to_dial,
        [["arrived", "answered 1001", "wrapped_up 1001 caller", "ended caller"]],
    ),
    Scenario(
        "click_to_dial_busy",
        "an agent clicks, and the customer is busy: nobody rang at the agent for a caller",
        click_to_dial_busy,
        [["arrived", "context", "ended"]],
    ),
    Scenario(
        "direct",
        "a call straight to one agent, answered",
        direct,
        [
            [
                "arrived",
                f"offered 1001 for {CALLER}",
                "answered 1001",
                "wrapped_up 1001 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "ring_all",
        "a queue rings three agents, the second answers",
        ring_all,
        [
            [
                "arrived",
                "queued all",
                f"offered 1001 for {CALLER}",
                f"offered 1002 for {CALLER}",
                f"offered 1003 for {CALLER}",
                "offer_ended 1001 answered_elsewhere",
                "offer_ended 1003 answered_elsewhere",
                "answered 1002",
                "wrapped_up 1002 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "hunt",
        "the first agent does not answer in time, the next one does",
        hunt,
        [
            [
                "arrived",
                "queued hunt",
                f"offered 1001 for {CALLER}",
                "offer_ended 1001 no_answer",
                f"offered 1002 for {CALLER}",
                "answered 1002",
                "wrapped_up 1002 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "abandoned",
        "the caller gives up in the queue while an agent rings",
        abandoned,
        [
            [
                "arrived",
                "queued hunt",
                f"offered 1001 for {CALLER}",
                "offer_ended 1001 abandoned",
                "abandoned",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "abandoned_ringing",
        "the caller gives up while the agent's phone rings, without a queue",
        abandoned_ringing,
        [
            [
                "arrived",
                f"offered 1001 for {CALLER}",
                "offer_ended 1001 abandoned",
                "abandoned",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "rejected",
        "the first agent rejects (486), the next one answers",
        rejected,
        [
            [
                "arrived",
                "queued hunt",
                f"offered 1001 for {CALLER}",
                "offer_ended 1001 rejected",
                f"offered 1002 for {CALLER}",
                "answered 1002",
                "wrapped_up 1002 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "declined",
        "a direct call is declined (603)",
        declined,
        [["arrived", f"offered 1001 for {CALLER}", "offer_ended 1001 rejected", "ended"]],
    ),
    Scenario(
        "blind",
        "blind transfer by REFER: the receiver's offer carries the caller",
        blind,
        [
            [
                "arrived",
                f"offered 1001 for {CALLER}",
                "answered 1001",
                "transferred 1001 to 1002 blind",
                "wrapped_up 1001 transfer",
                f"offered 1002 for {CALLER} by 1001",
                "answered 1002",
                "wrapped_up 1002 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "blind_from_queue",
        "blind transfer by feature code of a call that came through a queue",
        blind_from_queue,
        [
            [
                "arrived",
                "queued hunt",
                f"offered 1001 for {CALLER}",
                "answered 1001",
                "held 1001",
                "resumed 1001",
                "transferred 1001 to 1002 blind",
                "wrapped_up 1001 transfer",
                f"offered 1002 for {CALLER} by 1001",
                "answered 1002",
                "wrapped_up 1002 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "attended",
        "attended transfer by feature code: the receiver's offer carries the caller",
        attended,
        [
            [
                "arrived",
                f"offered 1001 for {CALLER}",
                "answered 1001",
                "held 1001",
                f"offered 1002 for {CALLER} by 1001 consult",
                "answered 1002 consult",
                "transferred 1001 to 1002 attended",
                "wrapped_up 1001 transfer",
                "wrapped_up 1002 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "attended_by_phone",
        "attended transfer by a desk phone: two calls joined, Asterisk gives the second the first's Linkedid",
        attended_by_phone,
        [
            [
                "arrived",
                f"offered 1001 for {CALLER}",
                "answered 1001",
                "held 1001",
                f"offered 1002 for {CALLER} by 1001 consult",
                "answered 1002 consult",
                "resumed 1001",
                "transferred 1001 to 1002 attended",
                "wrapped_up 1001 transfer",
                "wrapped_up 1002 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "transferred_while_ringing",
        "attended transfer that is completed while the colleague still rings",
        transferred_while_ringing,
        [
            [
                "arrived",
                f"offered 1001 for {CALLER}",
                "answered 1001",
                "held 1001",
                f"offered 1002 for {CALLER} by 1001 consult",
                "transferred 1001 to 1002 attended",
                "wrapped_up 1001 transfer",
                "answered 1002",
                "wrapped_up 1002 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "consult",
        "an agent holds the caller, asks a colleague from the same device and comes back",
        consult,
        [
            [
                "arrived",
                f"offered 1001 for {CALLER}",
                "answered 1001",
                "held 1001",
                f"offered 1002 for {CALLER} by 1001 consult",
                "answered 1002 consult",
                "wrapped_up 1002",
                "resumed 1001",
                "wrapped_up 1001 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "hold",
        "the agent puts the caller on hold and takes him back",
        hold,
        [
            [
                "arrived",
                f"offered 1001 for {CALLER}",
                "answered 1001",
                "held 1001",
                "resumed 1001",
                "wrapped_up 1001 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "two_devices",
        "both devices of an agent ring, one answers: one offer",
        two_devices,
        [
            [
                "arrived",
                f"offered 1004 for {CALLER}",
                "answered 1004",
                "wrapped_up 1004 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "two_devices_in_queue",
        "a queue rings an agent's two devices through a Local channel: one offer",
        two_devices_in_queue,
        [
            [
                "arrived",
                "queued pair",
                f"offered 1004 for {CALLER}",
                "answered 1004",
                "wrapped_up 1004 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "local_channels",
        "an originated caller on a Local channel meets an agent behind a Local channel",
        local_channels,
        [
            [
                "arrived",
                "queued pair",
                f"offered 1004 for {CALLER}",
                "answered 1004",
                "wrapped_up 1004 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "paused",
        "a paused agent is passed over",
        paused,
        [
            [
                "arrived",
                "queued hunt",
                f"offered 1002 for {CALLER}",
                "answered 1002",
                "wrapped_up 1002 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "cut",
        "AMI is cut while two agents ring and comes back after one has answered",
        cut,
        [
            [
                "arrived",
                "queued all",
                f"offered 1001 for {CALLER}",
                f"offered 1002 for {CALLER}",
                "answered 1001 recovered",
                "offer_ended 1002 answered_elsewhere recovered",
                "wrapped_up 1001 caller",
                "ended caller",
            ]
        ],
    ),
    Scenario(
        "cut_and_missed",
        "while AMI is away one call ends and another begins",
        cut_and_missed,
        [
            [
                "arrived",
                f"offered 1001 for {CALLER}",
                "answered 1001",
                "wrapped_up 1001 lost recovered",
                "ended lost recovered",
            ],
            [
                "arrived recovered",
                "answered 1002 recovered",
                "wrapped_up 1002 caller",
                "ended caller",
            ],
        ],
    ),
    Scenario(
        "twenty",
        "twenty callers at once for two agents, one after the other is answered",
        twenty,
        [
            ["arrived", "queued hunt", "offered * for *", "answered *", "wrapped_up * agent", "ended agent"],
        ]
        * 20,
        anybody=True,
    ),
    *CONTROL,
]
