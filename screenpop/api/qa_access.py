"""Who sees which recorded calls, and what a person may do with one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from cti.domain.review import ROLES, SEEN_BY_AGENT, ReviewState, actions
from cti.store.repos import qa_lists
from cti.store.repos.qa_lists import CallFilter
from screenpop.api.route import ApiCall, ApiError
from screenpop.auth import Principal

GONE = ApiError(404, "no_such_call", "没有找到这通录音，或您没有查看权限。")
SEES = ("qa", "qa_lead", "supervisor", "agent")
_SHOWN = ("review", "publish", "acknowledge", "appeal", "withdraw", "forward", "assign", "final", "queue")


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person who asks: `inside` sees drafts of a review, `own` is an agent who sees only himself."""

    who: Principal
    inside: bool
    agents: tuple[str, ...] | None = None  # a supervisor's team
    own: str = ""

    def limit(self, f: CallFilter) -> CallFilter:
        """The same filter, only over what this person may see."""
        return replace(f, own=self.own, agents=self.agents)


def viewer(conn: Connection, who: Principal, *, own: bool = False) -> Viewer:
    """What this person may see; `own` asks for the agent's view whatever else he is. 403 for nobody."""
    if own or not who.has("qa", "qa_lead", "supervisor"):
        if not who.agent:
            raise ApiError(403, "no_permission", "此帐号没有分机号，没有自己的录音可看。")
        return Viewer(who, inside=False, own=who.agent)
    if who.has("qa", "qa_lead"):
        return Viewer(who, inside=True)
    team = qa_lists.team_of(conn, who.username)
    agents = tuple(qa_lists.team_agents(conn, team)) if team else None
    return Viewer(who, inside=False, agents=agents)


def role_for(who: Principal, action: str) -> str:
    """In which of his roles a person does it; "" where in none."""
    allowed = ROLES[action]
    found = next((r for r in who.roles if r in allowed), "")
    return found or ("admin" if "admin" in who.roles and "agent" not in allowed else "")


def may(viewer: Viewer, action: str, *, agent: str, inspector: str, first: str, state: ReviewState) -> bool:
    """Whether this person may do it with this call now, besides what the state allows."""
    who = viewer.who
    if not role_for(who, action):
        return False
    if action in ("acknowledge", "appeal", "withdraw"):
        return bool(who.agent) and who.agent == agent and state in SEEN_BY_AGENT
    if action == "final" or (action == "save" and state is ReviewState.REASSIGNED):
        return who.username == inspector or (who.has("qa_lead") and who.username != first)
    return True


def allowed(viewer: Viewer, *, agent: str, inspector: str, first: str, state: ReviewState) -> list[str]:
    """Every action that a page may offer."""
    return [
        a
        for a in actions(state)
        if a in _SHOWN and may(viewer, a, agent=agent, inspector=inspector, first=first, state=state)
    ]


async def viewer_of(call: ApiCall, *, own: bool = False) -> Viewer:
    """The person of a request."""
    who = call.who
    return await call.ctx.db.run(lambda c: viewer(c, who, own=own))
