"""Reading customer value: one customer's whole, who is near the next tier, who is about to leave, how many
customers are in which tier. All lists take the same filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from cti.domain.alerts import churn_sentence
from cti.domain.classification import PREFECTURE, PROVINCE, PROVINCE_FROM, region_of
from cti.domain.growth import above, wanting
from cti.domain.retention import OVER, Step, advance, effort
from cti.domain.tier_terms import METRICS
from cti.domain.tiers import Benefits, MetricsError, Scheme
from cti.errors import StateError
from cti.store.repos import points
from cti.store.repos.tiering import Plan
from cti.store.tables import customers, tier_history
from cti.store.tables_tiers import customer_metrics, customer_tiers, retention_steps

Row = Mapping[Any, Any]
UP_DAYS = 30  # a tier that was reached so lately is still to be told to the customer
_C, _M = customers.c, customer_metrics.c
_WHO = (_C.id, _C.code, _C.name, _C.kind, _C.tier_scheme, _C.tier_id, _C.tier_label, _C.tier_reason)
_CLASS = (_C.industry, _C.services, _C.representative)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which customers; "" for any. `q` is part of the name or the 编号 from its beginning."""

    tier: str = ""
    industry: str = ""
    service: str = ""
    region: str = ""
    q: str = ""


def id_of_code(conn: Connection, code: str) -> int | None:
    """The customer with this 编号."""
    return conn.execute(sa.select(_C.id).where(_C.code == code)).scalar()


def of_customer(conn: Connection, customer_id: int, plan: Plan, *, now: datetime) -> dict[str, Any] | None:
    """Everything about one customer's value; None if there is no such customer."""
    query = (
        sa.select(*(c for c in _C if c.name != "last_order_at"), customer_metrics)
        .outerjoin(customer_metrics, _M.customer_id == _C.id)
        .where(_C.id == customer_id)
    )
    row = conn.execute(query).mappings().first()
    if row is None:
        return None
    # before the first computation the figures are the imported ones
    figures = metrics_of(row) if row["computed_at"] is not None else dict(row["metrics"])
    since = sa.select(customer_tiers.c.scheme, customer_tiers.c.at).where(
        customer_tiers.c.customer_id == customer_id
    )
    stood = {r.scheme: r.at for r in conn.execute(since)}
    past = sa.select(tier_history).where(tier_history.c.customer_id == customer_id)
    newest = past.order_by(tier_history.c.at.desc(), tier_history.c.id.desc()).limit(50)
    return {
        "id": customer_id,
        "code": row["code"],
        "name": row["name"],
        "version": row["version"],
        "industry": row["industry"],
        "services": [s for s in row["services"].split("、") if s],
        "county": row["county"],
        "region": region_of(figures.get("regions")),
        "metrics": figures,
        "current_value": figures.get("annual_revenue"),
        "potential_value": row["potential_value"],
        "growth": row["growth"],
        "computed_at": row["computed_at"],
        "tiers": [_tier(s, figures, stood.get(s.name), plan) for s in plan.schemes],
        "reach": _reach(row, figures, plan.active),
        "churn": _churn(row, now),
        "steps": [dict(s) for s in _steps(conn, row)],
        "history": [dict(h) for h in conn.execute(newest).mappings()],
        "points": points.balance(conn, customer_id),
        "points_entries": [dict(e) for e in points.entries(conn, customer_id)],
    }


def metrics_of(row: Row) -> dict[str, Any]:
    """The figures of a row as the schemes take them; unknown ones are left out."""
    found = {name: row[name] for name in METRICS if row[name] is not None}
    return {**found, "flags": list(row["flags"] or ())}


def distribution(conn: Connection, scheme: Scheme, f: Filter) -> list[dict[str, Any]]:
    """Customers and revenue of each tier of a scheme, and of those without one (tier "")."""
    tier = sa.func.coalesce(customer_tiers.c.tier_id, "").label("tier")
    mine = sa.and_(customer_tiers.c.customer_id == _C.id, customer_tiers.c.scheme == scheme.name)
    query = (
        sa.select(tier, sa.func.count().label("n"), sa.func.sum(_M.annual_revenue).label("revenue"))
        .select_from(customers)
        .outerjoin(customer_tiers, mine)
        .outerjoin(customer_metrics, _M.customer_id == _C.id)
        .group_by(tier)
    )
    found = {r.tier: r for r in conn.execute(_filtered(query, f, with_tier=False))}
    rows = [(t.id, t.label) for t in scheme.tiers] + ([("", "未定级")] if "" in found else [])
    return [
        {
            "tier": i,
            "label": label,
            "customers": found[i].n if i in found else 0,
            "revenue": float(found[i].revenue or 0) if i in found else 0.0,
        }
        for i, label in rows
    ]


def industries(conn: Connection) -> list[str]:
    """Every industry that some customer has."""
    query = sa.select(_C.industry).where(_C.industry != "").distinct().order_by(_C.industry)
    return list(conn.execute(query).scalars())


def upgrades(
    conn: Connection, plan: Plan, f: Filter, *, now: datetime, limit: int, offset: int
) -> tuple[int, list[dict[str, Any]]]:
    """Upgrade proposals: who has just reached a higher tier, then who is near one; most valuable first."""
    recent = (
        sa.select(tier_history.c.customer_id, sa.func.max(tier_history.c.at).label("at"))
        .where(
            tier_history.c.step == 1,
            tier_history.c.at > now - timedelta(days=UP_DAYS),
            tier_history.c.scheme == plan.active.name,
        )
        .group_by(tier_history.c.customer_id)
        .subquery("recent")
    )
    base = (
        sa.select(*_WHO, *_CLASS, customer_metrics, recent.c.at.label("reached_at"))
        .join(customer_metrics, _M.customer_id == _C.id)
        .outerjoin(recent, recent.c.customer_id == _C.id)
        .where(sa.or_(_M.reach_tier != "", recent.c.at.is_not(None)))
    )
    query = _filtered(base, f)
    total = int(conn.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one())
    value = sa.func.coalesce(_M.annual_revenue, 0)
    page = query.order_by(recent.c.at.is_(None), value.desc(), _C.id).limit(limit).offset(offset)
    items = []
    for row in conn.execute(page).mappings():
        figures = metrics_of(row)
        items.append(
            {
                **_shown(row, figures),
                "reached_at": row["reached_at"],
                "reach": _reach(row, figures, plan.active),
            }
        )
    return total, items


def churning(
    conn: Connection,
    plan: Plan,
    f: Filter,
    *,
    now: datetime,
    kind: str = "",
    step: str = "",
    limit: int,
    offset: int,
) -> tuple[int, list[dict[str, Any]]]:
    """Customers with a churn alert, the most valuable first, with the last step that was taken."""
    r = retention_steps.c
    last = (
        sa.select(r.customer_id, r.episode, sa.func.max(r.id).label("id"))
        .group_by(r.customer_id, r.episode)
        .subquery("last")
    )
    mine = sa.and_(last.c.customer_id == _M.customer_id, last.c.episode == _M.churn_since)
    state = sa.func.coalesce(r.step, Step.OPEN.value)
    base = (
        sa.select(
            *_WHO,
            *_CLASS,
            customer_metrics,
            state.label("step"),
            r.who.label("step_who"),
            r.at.label("step_at"),
            r.note.label("step_note"),
        )
        .join(customer_metrics, _M.customer_id == _C.id)
        .outerjoin(last, mine)
        .outerjoin(retention_steps, r.id == last.c.id)
        .where(_M.churn != "")
    )
    if kind:
        base = base.where(_M.churn == kind)
    if step:
        base = base.where(state == step)
    query = _filtered(base, f)
    total = int(conn.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one())
    over = sa.case((state.in_([s.value for s in OVER]), 1), else_=0)
    value = sa.func.coalesce(_M.annual_revenue, 0)
    page = query.order_by(over, value.desc(), _C.id).limit(limit).offset(offset)
    items = []
    for row in conn.execute(page).mappings():
        tier = plan.active.tier(row["tier_id"]) if row["tier_scheme"] == plan.active.name else None
        items.append(
            {
                **_shown(row, metrics_of(row)),
                "churn": _churn(row, now),
                "step": row["step"],
                "step_who": row["step_who"] or "",
                "step_at": row["step_at"],
                "step_note": row["step_note"] or "",
                "effort": effort(tier.benefits if tier is not None else None),
            }
        )
    return total, items


def add_step(conn: Connection, customer_id: int, step: Step, *, at: datetime, who: str, note: str) -> Step:
    """Take the next step with a customer who has an alert; StateError where it does not come next."""
    m = sa.select(_M.churn, _M.churn_since, _M.customer_id).where(_M.customer_id == customer_id)
    row = conn.execute(m.with_for_update()).mappings().first()
    if row is None or not row["churn"] or row["churn_since"] is None:
        raise StateError(f"retention: customer {customer_id} has no churn alert")
    done = _steps(conn, row)
    state = advance(Step(done[0]["step"]) if done else Step.OPEN, step)
    values = {"customer_id": customer_id, "episode": row["churn_since"], "at": at, "who": who, "note": note}
    conn.execute(sa.insert(retention_steps).values(**values, step=step.value))
    return state


def _filtered(query: Any, f: Filter, *, with_tier: bool = True) -> Any:
    if with_tier and f.tier:
        query = query.where(_C.tier_id == f.tier)
    if f.industry:
        query = query.where(_C.industry == f.industry)
    if f.service:
        listed = sa.literal("、").concat(_C.services).concat("、")
        query = query.where(listed.contains(f"、{f.service}、", autoescape=True))
    if f.region == PROVINCE:
        query = query.where(_M.regions >= PROVINCE_FROM)
    elif f.region == PREFECTURE:
        query = query.where(_M.regions == 1)
    if f.q:
        begins = _C.code.startswith(f.q, autoescape=True)
        query = query.where(sa.or_(begins, _C.name.contains(f.q, autoescape=True)))
    return query


def _shown(row: Row, figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "code": row["code"],
        "name": row["name"],
        "kind": row["kind"],
        "tier": {
            "scheme": row["tier_scheme"],
            "id": row["tier_id"],
            "label": row["tier_label"],
            "reason": row["tier_reason"],
        }
        if row["tier_id"]
        else None,
        "industry": row["industry"],
        "services": [s for s in row["services"].split("、") if s],
        "region": region_of(figures.get("regions")),
        "representative": row["representative"],
        "current_value": row["annual_revenue"],
        "potential_value": row["potential_value"],
    }


def _tier(scheme: Scheme, figures: Mapping[str, Any], since: datetime | None, plan: Plan) -> dict[str, Any]:
    told = {"scheme": scheme.name, "name": scheme.label, "active": scheme is plan.active, "since": since}
    try:
        ref = scheme.classify(figures)
    except MetricsError:
        return {**told, "tier": "", "label": "", "reason": "", "route": "", "services": []}
    found = scheme.tier(ref.id)
    gets = found.benefits if found is not None else Benefits()
    steers = {"route": gets.route, "services": list(gets.services)}
    return {**told, "tier": ref.id, "label": ref.label, "reason": ref.reason, **steers}


def _reach(row: Row, figures: Mapping[str, Any], scheme: Scheme) -> dict[str, Any] | None:
    if not row["reach_tier"]:
        return None
    tier = scheme.tier(row["reach_tier"]) or above(scheme, row["tier_id"])
    if tier is None:
        return None
    return {"tier": tier.id, "label": tier.label, "wanting": wanting(scheme, tier.id, figures)}


def _churn(row: Row, now: datetime) -> dict[str, Any] | None:
    if not row["churn"]:
        return None
    silent = None
    if row["last_order_at"] is not None:
        silent = (now - row["last_order_at"]).total_seconds() / 86400
    text = churn_sentence(row["cycle_days"], silent, row["volume_30d"], row["volume_before"])
    return {
        "kind": row["churn"],
        "since": row["churn_since"],
        "text": text or "",
        "silent_days": None if silent is None else round(silent, 1),
        "cycle_days": row["cycle_days"],
        "volume_30d": row["volume_30d"],
        "volume_before": row["volume_before"],
        "last_order_at": row["last_order_at"],
    }


def _steps(conn: Connection, row: Row) -> Sequence[RowMapping]:
    """What was done since the present alert began, newest first."""
    if not row["churn"] or row["churn_since"] is None:
        return []
    r = retention_steps.c
    mine = sa.select(retention_steps).where(
        r.customer_id == row["customer_id"], r.episode == row["churn_since"]
    )
    return conn.execute(mine.order_by(r.id.desc())).mappings().all()
