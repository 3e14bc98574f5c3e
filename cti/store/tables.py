"""The tables, as SQLAlchemy Core metadata: the one description that migrations and repositories share.

Moments are UTC, money is 分, durations are seconds. Texts default to "" rather than NULL: an absent
address and an empty one are the same thing. Columns named ``*_key`` hold the canonical key of numbers.md
(``mobile:13800138000``). ``version`` counts edits, for optimistic locking.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from cti.store.types import Fen, Grams, Id, Json, Key, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[Any]:
    return Column("id", Id, primary_key=True)


def _text(name: str) -> Column[Any]:
    """A text that is never NULL."""
    return Column(name, Text, nullable=False, server_default="")


def _must_text(name: str, **options: Any) -> Column[Any]:
    """A text that the writer has to give."""
    return Column(name, Text, nullable=False, **options)


def _must_key(name: str, **options: Any) -> Column[Any]:
    """A key or code that is searched by its beginning."""
    return Column(name, Key, nullable=False, **options)


def _count(name: str, default: int = 0) -> Column[Any]:
    return Column(name, Integer, nullable=False, server_default=text(str(default)))


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False, server_default=false())


def _fen(name: str) -> Column[Any]:
    return Column(name, Fen, nullable=False, server_default=text("0"))


def _at(name: str) -> Column[Any]:
    """A moment that may not have come."""
    return Column(name, UtcDateTime)


def _must_at(name: str) -> Column[Any]:
    return Column(name, UtcDateTime, nullable=False)


def _json(name: str, default: str = "{}") -> Column[Any]:
    return Column(name, Json, nullable=False, server_default=text(f"'{default}'"))


def _ref(name: str, target: str, *, on_delete: str | None = None, must: bool = False) -> Column[Any]:
    return Column(name, Id, ForeignKey(f"{target}.id", ondelete=on_delete), nullable=not must)


# --- who -------------------------------------------------------------------------------------------

customers = Table(
    "customers",
    metadata,
    _id(),
    _must_key("code", unique=True),  # 编号
    _must_text("kind"),  # company | person (XJ §3)
    _must_key("name"),  # 客户名称; by bytes, so that a beginning is a range
    _text("title"),  # 先生, 女士
    _text("company"),  # a person's firm
    _text("address"),
    _text("business"),  # 主营业务
    _text("occupation"),  # 从事职业
    _text("hobbies"),  # 爱好
    Column("birthday", Date),  # 出生年月; the first of the month when only that is known
    _flag("birthday_month_only"),
    _text("note"),
    # business traits (XJ 5.2.5)
    _text("cargo"),  # 主要货物品类
    _text("transport_volume"),  # 运输量
    _text("routes"),  # 路线偏好
    _text("timeliness"),  # 时效要求
    _text("special_handling"),  # 特殊操作需求
    _text("delivery_preference"),  # 包装/送达时间偏好
    _json("preferences"),  # further ones, label → text
    # classification (HB): 行业; 业务种类 joined by 、; the county that a rank is counted in
    _text("industry"),
    _text("services"),
    _text("county"),
    # trade history
    Column("cooperation_years", Float),  # 合作年限
    _fen("spend_fen"),  # 消费金额
    _text("payment"),  # 付款情况
    _fen("arrears_fen"),  # 欠款
    Column("satisfaction", Float),  # 满意度, 1–5
    _at("last_order_at"),
    # what the tier engine was given and said; metrics of money are 元 as in the schemes
    _json("metrics"),
    _text("tier_scheme"),
    _text("tier_id"),
    _text("tier_label"),
    _text("tier_reason"),
    _at("tier_at"),
    _text("representative"),  # 专属客服: an agent number
    _flag("green_channel"),  # 绿色通道
    _text("source"),  # import, agent, ivr, api, synthetic
    Column("grams", Grams, nullable=False),  # search terms of name, firm and contact persons
    _must_at("created_at"),
    _must_at("updated_at"),
    _count("version", 1),
    CheckConstraint("kind IN ('company', 'person')", name="kind"),
    Index(None, "name", "id"),
    # on SQLite the FTS5 table customers_fts of the first migration does this work; without a list of pending
    # entries, which every search would have to read after an import
    Index(
        "ix_customers_grams", "grams", postgresql_using="gin", postgresql_with={"fastupdate": "off"}
    ).ddl_if(dialect="postgresql"),
    Index(None, "tier_scheme", "tier_id"),
    Index(None, "representative"),
    Index(
        "ix_customers_county",
        "county",
        sqlite_where=text("county <> ''"),
        postgresql_where=text("county <> ''"),
    ),
    Index(
        "ix_customers_industry",
        "industry",
        "id",
        sqlite_where=text("industry <> ''"),
        postgresql_where=text("industry <> ''"),
    ),
)

customer_contacts = Table(  # 联系人 of a company
    "customer_contacts",
    metadata,
    _id(),
    _ref("customer_id", "customers", on_delete="CASCADE", must=True),
    _must_text("name"),
    _text("title"),
    _text("role"),  # 职务
    Column("age", Integer),
    _text("hobbies"),
    _text("note"),
    UniqueConstraint("customer_id", "name"),
)

numbers = Table(
    "numbers",
    metadata,
    _id(),
    _must_key("key"),
    _must_key("suffix"),  # last 8 digits, for the "unsure" hint
    _must_text("display"),  # as it was given
    _text("label"),  # 电话, 固定电话, 移动电话, 联系人
    _text("extension"),
    _ref("customer_id", "customers", on_delete="CASCADE", must=True),
    _ref("contact_id", "customer_contacts", on_delete="SET NULL"),
    _text("source"),
    UniqueConstraint("key", "customer_id"),
    Index(None, "suffix"),
    Index(None, "customer_id"),
)

axb_bindings = Table(  # 虚拟号: who is behind a middle number, and until when
    "axb_bindings",
    metadata,
    _id(),
    _must_text("virtual_key"),
    _ref("customer_id", "customers", on_delete="CASCADE"),
    _text("peer_key"),  # the other side of the pair, "" when the platform keeps it
    _text("waybill"),
    _must_at("valid_from"),
    _at("valid_until"),
    _text("source"),
    Index(None, "virtual_key"),
    Index(None, "customer_id"),
)

tier_history = Table(
    "tier_history",
    metadata,
    _id(),
    _ref("customer_id", "customers", on_delete="CASCADE", must=True),
    _must_at("at"),
    _must_text("scheme"),
    _must_text("tier_id"),
    _must_text("label"),
    _text("reason"),
    _json("metrics"),
    _text("cause"),  # import, nightly, by hand
    _text("from_tier_id"),  # "" for the first one
    _count("step"),  # 1: up, -1: down, 0: first, or an unknown tier before
    Index(None, "customer_id", "at"),
    Index("ix_tier_history_up", "at", sqlite_where=text("step = 1"), postgresql_where=text("step = 1")),
    Index("ix_tier_history_moved", "at", sqlite_where=text("step <> 0"), postgresql_where=text("step <> 0")),
)

# --- what they sent ----------------------------------------------------------------------------------

waybills = Table(
    "waybills",
    metadata,
    _id(),
    _must_key("number", unique=True),
    _ref("sender_customer_id", "customers", on_delete="SET NULL"),
    _ref("receiver_customer_id", "customers", on_delete="SET NULL"),
    _text("sender_name"),
    _text("sender_key"),
    _text("sender_display"),
    _text("receiver_name"),
    _text("receiver_key"),
    _text("receiver_display"),
    _text("receiver_address"),
    _text("origin"),
    _text("destination"),
    _text("goods"),
    _count("pieces", 1),
    Column("weight_g", Integer),
    _fen("freight_fen"),  # 运费
    _fen("cod_fen"),  # 代收货款
    _must_text("state"),  # cti.domain.waybill.WaybillState
    _at("accepted_at"),
    _at("promised_at"),  # 承诺送达
    _at("delivered_at"),
    _text("signed_by"),
    _text("site"),  # 派送网点
    _text("courier"),
    _text("problem"),  # open problem item in words, "" when none
    _text("problem_kind"),
    _at("problem_at"),
    _text("last_event"),
    _text("source"),
    _must_at("created_at"),
    _must_at("updated_at"),  # of the last event
    _count("version", 1),
    Index(None, "sender_customer_id", "updated_at"),
    Index(None, "receiver_customer_id", "updated_at"),
    Index(None, "sender_key", "updated_at"),
    Index(None, "receiver_key", "updated_at"),
    # open problem items are shown however old they are
    Index(
        "ix_waybills_problem_sender",
        "sender_customer_id",
        sqlite_where=text("problem <> ''"),
        postgresql_where=text("problem <> ''"),
    ),
    Index(
        "ix_waybills_problem_receiver",
        "receiver_customer_id",
        sqlite_where=text("problem <> ''"),
        postgresql_where=text("problem <> ''"),
    ),
    # what the planning of calls looks for: delivered yesterday, late, to be delivered
    *(
        Index(name, column, sqlite_where=text(condition), postgresql_where=text(condition))
        for name, column, condition in (
            ("ix_waybills_delivered_at", "delivered_at", "delivered_at IS NOT NULL"),
            ("ix_waybills_promised_open", "promised_at", "delivered_at IS NULL AND promised_at IS NOT NULL"),
            ("ix_waybills_to_deliver", "updated_at", "state IN ('arrived', 'at_pickup')"),
        )
    ),
)

waybill_events = Table(
    "waybill_events",
    metadata,
    _id(),
    _ref("waybill_id", "waybills", on_delete="CASCADE", must=True),
    _must_at("at"),
    _must_text("state"),
    _text("place"),
    _text("operator"),
    _text("text"),
    UniqueConstraint("waybill_id", "at", "state", "place"),
)

orders = Table(  # what tier metrics are computed from
    "orders",
    metadata,
    _id(),
    _must_text("number", unique=True),
    _ref("customer_id", "customers", on_delete="CASCADE", must=True),
    _must_at("at"),
    _count("pieces", 1),
    _fen("amount_fen"),
    _fen("paid_fen"),
    _text("waybill"),
    _text("state"),  # cancelled ones count for nothing
    _text("region"),  # 业务地市: the prefecture it was sent from
    _text("source"),
    Index(None, "customer_id", "at"),
)

# --- what was said -----------------------------------------------------------------------------------

contacts = Table(  # 联系历史, any channel
    "contacts",
    metadata,
    _id(),
    _ref("customer_id", "customers", on_delete="SET NULL"),
    _text("number_key"),
    _text("number_display"),
    _must_at("at"),
    _at("ended_at"),
    _must_text("channel"),  # call, ivr, sms, app, wechat, email, visit, survey
    _text("direction"),  # inbound, outbound
    _text("node"),
    _text("linkedid"),
    _text("queue"),
    _text("agent"),
    _text("summary"),
    _text("disposition"),
    _text("note"),
    _text("waybill"),
    _json("ivr"),  # path, waybill typed, …
    Column("wait_s", Float),
    Column("talk_s", Float),
    Column("hold_s", Float),  # 保持, part of the talk
    Column("wrapup_s", Float),  # 话后处理
    Column("satisfaction", Integer),
    _text("pop_id"),
    _text("source"),
    Index(None, "customer_id", "at"),
    Index(None, "number_key", "at"),
    Index(None, "node", "linkedid"),
    Index(None, "agent", "at"),
    Index(None, "at"),
    Index(  # one contact a pop, however often it is told
        "uq_contacts_pop_id",
        "pop_id",
        unique=True,
        sqlite_where=text("pop_id <> ''"),
        postgresql_where=text("pop_id <> ''"),
    ),
)

complaints = Table(
    "complaints",
    metadata,
    _id(),
    _must_text("code", unique=True),
    _ref("customer_id", "customers", on_delete="SET NULL"),
    _text("caller_name"),
    _text("number_key"),
    _text("number_display"),
    _text("waybill"),
    _must_text("category"),  # cti.domain.complaint.CATEGORIES
    _must_text("summary"),  # what
    _text("detail"),
    _text("department"),  # responsible
    _text("owner"),
    _text("cause"),
    _must_text("state"),  # cti.domain.complaint.ComplaintState
    _count("level"),  # escalation
    _must_at("opened_at"),
    _text("opened_by"),
    _text("channel"),
    _at("due_at"),
    _at("promised_at"),  # the time of answer that the caller was told
    _text("follow_up"),
    _text("result"),
    _at("told_at"),  # result told back to the customer
    _text("told_by"),
    _text("told_how"),
    _at("call_at"),  # the result is to be told: not before this, after a call that failed
    _at("closed_at"),
    _text("node"),
    _text("linkedid"),
    _text("recording_id"),
    _fen("claim_fen"),
    _fen("paid_fen"),
    _text("source"),
    _must_at("updated_at"),
    _count("version", 1),
    Index(None, "customer_id", "opened_at"),
    Index(None, "opened_at"),
    Index(None, "number_key"),
    Index(None, "state", "due_at"),
    Index(None, "waybill"),
    Index(None, "node", "linkedid"),
)

complaint_events = Table(  # 跟进: only added to, a trigger sees to it
    "complaint_events",
    metadata,
    _id(),
    _ref("complaint_id", "complaints", on_delete="CASCADE", must=True),
    _must_at("at"),
    _must_text("who"),
    _must_text("action"),
    _text("from_state"),
    _text("to_state"),
    _text("note"),
    _text("result"),  # what came of this step
    _json("changes"),  # of an edit: column → [before, after]
    _count("version"),  # of the complaint after this step
    Index(None, "complaint_id", "at"),
)

# --- the desk ----------------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _id(),
    _must_text("username", unique=True),
    _must_text("password_hash"),  # argon2id
    _must_text("name"),
    _json("roles", "[]"),  # agent, supervisor, qa_lead, admin
    _text("agent"),  # agent number, "" for who takes no calls
    _text("team"),
    _flag("disabled"),
    _count("failed_logins"),
    _at("locked_until"),
    _must_at("created_at"),
    _must_at("updated_at"),
    Index(None, "agent"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),  # SHA-256 of the token; the token itself is never stored
    _ref("user_id", "users", on_delete="CASCADE", must=True),
    _must_at("created_at"),
    _must_at("expires_at"),
    _at("last_seen_at"),
    _text("remote"),
    _text("user_agent"),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)

pops = Table(  # the ledger: one row a pop, written when it is made and at each step
    "pops",
    metadata,
    Column("id", Text, primary_key=True),
    _must_text("node"),
    _must_text("linkedid"),
    _must_text("agent"),
    _ref("customer_id", "customers", on_delete="SET NULL"),
    _text("number_key"),
    _text("number_display"),
    _text("outcome"),
    _text("rule"),
    _text("queue"),
    _must_at("pbx_at"),  # the PBX's own stamp of the offer
    _at("received_at"),
    _at("looked_up_at"),
    _at("pushed_at"),
    _at("acked_at"),
    _at("answered_at"),
    _at("ended_at"),  # the talk is over, wrap-up begins
    _at("closed_at"),
    _text("state"),
    _text("reason"),  # why it was closed
    _flag("recovered"),
    _text("note"),  # draft, kept while the agent types
    _text("disposition"),
    _json("snapshot"),
    Index(None, "node", "linkedid"),
    Index(None, "agent", "pbx_at"),
    Index(None, "customer_id", "pbx_at"),
    Index(None, "pbx_at"),
    Index(
        "ix_pops_open",
        "agent",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

gaps = Table(  # the AMI connection was away
    "gaps",
    metadata,
    _id(),
    _must_text("node"),
    _must_at("since"),
    _at("until"),
    _text("reason"),
    UniqueConstraint("node", "since"),
)

# --- the books ---------------------------------------------------------------------------------------

audit = Table(
    "audit",
    metadata,
    _id(),
    _must_at("at"),
    _must_text("who"),
    _must_text("action"),  # reveal, login, login_failed, edit, import, …
    _text("subject"),  # customer:12, pop:…, number:mobile:…
    _json("detail"),
    _text("remote"),
    Index(None, "at"),
    Index(None, "who", "at"),
    Index(None, "subject", "at"),
)

imports = Table(
    "imports",
    metadata,
    _id(),
    _must_text("kind"),  # customers, waybills, orders, payments
    _must_text("sha256"),
    _text("file_name"),
    _text("options"),  # what else decides the outcome: skip-bad, encoding
    _must_at("started_at"),
    _must_at("finished_at"),
    _text("who"),
    _count("rows"),
    _count("created"),
    _count("changed"),
    _count("unchanged"),
    _count("bad"),
    Index(None, "kind", "sha256"),
)
