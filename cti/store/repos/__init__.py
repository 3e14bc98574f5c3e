"""Everything that is read from and written to the store: functions that take a connection.

They run in a thread (`Database.run`), never on the event loop, and know no clock: `now` is given.
"""

from __future__ import annotations

from cti.store.repos.complaints import (
    act_on_complaint,
    add_complaint,
    complaint,
    complaint_history,
    edit_complaint,
    list_complaints,
)
from cti.store.repos.ledger import (
    add_pop,
    close_gap,
    list_gaps,
    open_gap,
    open_pops,
    pop,
    pops_of_agent,
    update_pop,
)
from cti.store.repos.lookup import customer, find_by_id, find_by_number, find_by_waybill
from cti.store.repos.people import (
    ROLES,
    User,
    add_audit,
    add_session,
    add_user,
    end_session,
    end_sessions_of,
    list_audit,
    list_users,
    purge_sessions,
    session_user,
    update_user,
    user_by_agent,
    user_by_name,
)
from cti.store.repos.records import StaleVersion, add_contact, contact_of_call, update_contact
from cti.store.repos.search import SearchHit, search
from cti.store.repos.timeline import TimelineItem, timeline
from cti.store.repos.waybills import waybill, waybills_of_number

__all__ = [
    "ROLES",
    "SearchHit",
    "StaleVersion",
    "TimelineItem",
    "User",
    "act_on_complaint",
    "add_audit",
    "add_complaint",
    "add_contact",
    "add_pop",
    "add_session",
    "add_user",
    "close_gap",
    "complaint",
    "complaint_history",
    "contact_of_call",
    "customer",
    "edit_complaint",
    "end_session",
    "end_sessions_of",
    "find_by_id",
    "find_by_number",
    "find_by_waybill",
    "list_audit",
    "list_complaints",
    "list_gaps",
    "list_users",
    "open_gap",
    "open_pops",
    "pop",
    "pops_of_agent",
    "purge_sessions",
    "search",
    "session_user",
    "timeline",
    "update_contact",
    "update_pop",
    "update_user",
    "user_by_agent",
    "user_by_name",
    "waybill",
    "waybills_of_number",
]
