"""The protocol of ``/ws/agent``, version 1: what the server sends, what a client may say, how it closes.

Sans-IO: these models are the contract with the pages and with any other client. They are only ever
extended within a version; a client ignores what it does not know. Times are ISO 8601 in UTC ending in Z.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError

from cti.errors import ProtocolError

VERSION = 1
AUTH_DEADLINE_S = 10.0
HEARTBEAT_S = 20.0
MAX_MESSAGE_BYTES = 64 * 1024

GOING_AWAY = 1001
TOO_BIG = 1009
BAD_MESSAGE = 4000
AUTH_LATE = 4001
BAD_TOKEN = 4003
NOT_ALLOWED = 4005
TOO_SLOW = 4008
TOO_MANY = 4009

CLOSE_CODES: dict[int, str] = {
    GOING_AWAY: "服务正在停止或重启；稍后自动重连 (service going away, reconnect with back-off)",
    TOO_BIG: "消息超过 64 KB (message larger than 64 KB)",
    BAD_MESSAGE: "消息不是本协议的 JSON (not a message of this protocol)",
    AUTH_LATE: "10 秒内没有登录消息 (no auth message within 10 s)",
    BAD_TOKEN: "令牌无效、过期或已退出；请重新登录 (token wrong, expired or signed out)",
    NOT_ALLOWED: "此帐号没有权限看这个 (this account may not see this)",
    TOO_SLOW: "浏览器停止读取，待发队列已满；重连后收到快照 (client too slow, queue full)",
    TOO_MANY: "同一用户打开的页面太多 (too many sockets of one user)",
}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(_iso, return_type=str, when_used="json")]


DirectionName = Literal["inbound", "outbound", "internal"]
ShownState = Literal["ringing", "talking", "held", "wrapup"]
LinkKind = Literal["answered", "blind", "attended", "phone"]


class Wire(BaseModel):
    """Base of what is sent: fixed once built."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class ChainStep(Wire):
    """Who had this caller before: answered, gave it on (blind, attended), or lost the phone."""

    at: Instant
    kind: LinkKind
    agent: str
    peer: str = ""


class CallPart(Wire):
    node: str
    linkedid: str
    queue: str
    queue_label: str
    did: str
    direction: DirectionName
    state: ShownState
    offered_at: Instant
    answered_at: Instant | None = None
    wrapup_at: Instant | None = None
    wrapup_until: Instant | None = None
    recovered: bool = Field(False, description="found by resync after the PBX connection had been away")
    consult: bool = Field(False, description="咨询: a colleague asks, the caller waits with him")
    peer: str = Field("", description="the colleague who asks, or who sent the caller")
    chain: tuple[ChainStep, ...] = ()


class CallerPart(Wire):
    number: str = Field(description="as the viewer may see it: masked for agents")
    display: str
    name: str = Field("", description="来电显示名, untrusted")
    number_class: str = Field(alias="class")
    outcome: Literal["one", "many", "none", "anonymous", "masked", "service", "unavailable"]
    rule: str = Field(description="which rule matched: exact, waybill, suffix, chosen …")
    place: str = ""
    extension: str = ""
    maybe_virtual: bool = False
    masked: bool = True


class TierPart(Wire):
    scheme: str
    id: str
    label: str
    reason: str = ""


class CustomerPart(Wire):
    id: int
    code: str
    kind: Literal["company", "person"]
    name: str
    title: str
    company: str
    address: str
    tier: TierPart | None
    representative: str
    green_channel: bool
    birthday: date | None
    preferences: dict[str, str]
    alerts: tuple[str, ...]
    note: str


class ComplaintPart(Wire):
    id: int
    opened_at: Instant
    category: str
    state: str
    waybill: str
    due_at: Instant | None
    summary: str


class WaybillPart(Wire):
    number: str
    state: str
    updated_at: Instant
    origin: str
    destination: str
    receiver: str
    last_event: str
    problem: str = ""


class ContactPart(Wire):
    at: Instant
    channel: str
    direction: str
    agent: str
    summary: str
    disposition: str = ""


class HistoryPart(Wire):
    complaints: tuple[ComplaintPart, ...] = ()
    waybills: tuple[WaybillPart, ...] = ()
    contacts: tuple[ContactPart, ...] = ()


class HintsPart(Wire):
    greeting: str = Field(description="the sentence to say first, filled in")
    alerts: tuple[str, ...] = ()


SituationName = Literal[
    "over",
    "ringing",
    "talking",
    "held",
    "recall",
    "phone_held",
    "ivr",
    "asking",
    "consulting",
    "aside",
    "three",
    "asked",
    "lost",
]


class ControlPart(Wire):
    """How it stands between the agent and the caller, and what may be ordered now."""

    situation: SituationName
    colleague: str = Field("", description="number of the agent who is asked, or in the three-way call")
    commands: tuple[str, ...] = ()


class NotePart(Wire):
    """What a colleague typed about this call."""

    agent: str
    note: str
    disposition: str = ""


class FreshPart(Wire):
    """What was changed elsewhere while the card is open: for a quiet mark."""

    at: Instant
    customer: bool = False
    waybills: tuple[str, ...] = Field((), description="numbers")
    complaints: tuple[int, ...] = Field((), description="ids")


class Pop(Wire):
    """One card: a caller ringing at, or talking with, one agent."""

    type: Literal["pop"] = "pop"
    id: str
    seq: int = Field(ge=1, description="rises with every message about this pop")
    call: CallPart
    caller: CallerPart
    customer: CustomerPart | None
    candidates: tuple[CustomerPart, ...] = ()
    context: dict[str, str] = Field({}, description="what the caller did in the IVR, untrusted")
    history: HistoryPart
    hints: HintsPart
    fresh: FreshPart | None = None
    control: ControlPart | None = None
    notes: tuple[NotePart, ...] = Field((), description="of those who had this call before, as typed so far")


PARTS = ("call", "caller", "customer", "candidates", "context", "history", "hints", "fresh")


class PopUpdate(Wire):
    """The parts of a pop that changed, each whole."""

    type: Literal["pop_update"] = "pop_update"
    id: str
    seq: int
    changes: dict[str, Any]


CloseReason = Literal[
    "answered_elsewhere",
    "no_answer",
    "rejected",
    "abandoned",
    "completed",
    "transferred",
    "lost",
    "failed",
]


_REASONS: dict[str, CloseReason] = {r: r for r in get_args(CloseReason)}


def close_reason(reason: str) -> CloseReason:
    """The reason as the protocol knows it."""
    return _REASONS.get(reason, "failed")


class PopClose(Wire):
    type: Literal["pop_close"] = "pop_close"
    id: str
    seq: int
    reason: CloseReason
    by: str = Field("", description="the agent who answered or received it")
    at: Instant


class CommandState(Wire):
    """A command of call control: given, and later how it ended. Goes to all pages of the agent."""

    type: Literal["command"] = "command"
    id: str
    pop_id: str
    command: str
    target: str = ""
    state: Literal["pending", "done", "failed"]
    code: str = ""
    message: str = Field(description="a sentence for the agent")
    at: Instant


class QueueLoad(Wire):
    name: str
    label: str
    waiting: int
    longest_s: int


class GapPart(Wire):
    """The PBX connection was away: what happened then may be missing."""

    node: str
    since: Instant
    until: Instant | None


class AgentPart(Wire):
    """An agent's own state."""

    state: Literal["available", "ringing", "busy", "paused", "offline"]
    reason: str = ""
    since: Instant


class FloorPart(Wire):
    """What is the same for everybody: queues, and whether the PBX is heard."""

    queues: tuple[QueueLoad, ...] = ()
    pbx: Literal["up", "down"]
    gaps: tuple[GapPart, ...] = ()


class StateBody(AgentPart, FloorPart):
    """The agent's state and the floor's, as in ``ready``."""


class State(StateBody):
    type: Literal["state"] = "state"


class Draft(Wire):
    note: str = Field("", max_length=4000)
    disposition: str = Field("", max_length=64)


class UserPart(Wire):
    username: str
    name: str
    roles: tuple[str, ...]


class Ready(Wire):
    """The answer to a good ``auth``: everything that the page needs to be right again."""

    type: Literal["ready"] = "ready"
    version: int = VERSION
    agent: str
    user: UserPart
    state: StateBody
    snapshot: tuple[Pop, ...]
    drafts: dict[str, Draft]
    commands: tuple[CommandState, ...] = Field((), description="what is under way")
    listening: bool = Field(False, description="班长在听, where the setting floor.listen_shown says so")
    server_time: Instant


NoticeKind = Literal["available", "break", "end_wrapup", "sign_out", "listening"]


class Notice(Wire):
    """A supervisor did something that concerns this agent: `by` is the name, `why` the reason given."""

    type: Literal["notice"] = "notice"
    kind: NoticeKind
    by: str
    reason: str = Field("", description="the break reason")
    why: str = ""
    on: bool = Field(True, description="of `listening`: false when nobody listens any more")
    at: Instant


class Error(Wire):
    type: Literal["error"] = "error"
    code: str
    message: str


class Pong(Wire):
    type: Literal["pong"] = "pong"
    server_time: Instant


class Said(BaseModel):
    """Base of what a client may say: small, strict."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Auth(Said):
    type: Literal["auth"]
    token: str = Field(min_length=1, max_length=512)
    tab: str = Field("", max_length=64)
    take: bool = Field(False, description="/ws/phone: take the phone over from another page")


class Ack(Said):
    type: Literal["ack"]
    id: str = Field(min_length=1, max_length=64)


class Ping(Said):
    type: Literal["ping"]


Client = Auth | Ack | Ping
_CLIENT: TypeAdapter[Client] = TypeAdapter(Annotated[Client, Field(discriminator="type")])


def parse_client(text: str) -> Client:
    """One message of a client. Raises ProtocolError without quoting what was sent (it may hold a token)."""
    try:
        return _CLIENT.validate_json(text)
    except (ValidationError, RecursionError) as e:
        raise ProtocolError("not a message of this protocol (auth, ack, ping)") from e


def encode(message: Wire) -> str:
    """The text frame of a message."""
    return message.model_dump_json(by_alias=True)
