"""Agents of the bench of call control: they press, and hear when the PBX has acted."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import aiohttp

from cti.ami.message import Message
from cti.domain.call import GapEvent

WAIT_S = 30.0


class Acts:
    """Hears the PBX; tells when it first did something to a call after a moment."""

    def __init__(self) -> None:
        self._acts: dict[str, list[tuple[float, str]]] = {}

    def messages(self, batch: Sequence[Message], received: datetime) -> None:
        for m in batch:
            what = m.get("Place") if m.get("UserEvent") == "LaidianPlace" else m.name
            self._acts.setdefault(m.get("Linkedid"), []).append((float(m.get("Timestamp") or 0), what))

    def resync(self, channels: Sequence[Message], queues: Sequence[Message], at: datetime) -> None:
        """Nothing is measured by it."""

    def gap(self, event: GapEvent) -> None:
        """A gap would spoil the measure: it shows as commands without an act."""

    def after(self, linkedid: str, since: float, whats: frozenset[str]) -> float | None:
        """The first act of this sort."""
        return next((t for t, what in self._acts.get(linkedid, ()) if t >= since and what in whats), None)


# what the PBX says first of each command
ACTS = {
    "hold": frozenset({"held"}),
    "resume": frozenset({"room"}),
    "consult": frozenset({"held", "consult"}),
    "swap": frozenset({"room", "held"}),
    "three": frozenset({"three"}),
    "drop": frozenset({"BridgeLeave", "Hangup"}),
    "cancel": frozenset({"room"}),
    "complete": frozenset({"given"}),
    "leave": frozenset({"BridgeLeave", "Hangup"}),
    "blind": frozenset({"blind"}),
    "ivr": frozenset({"ivr"}),
    "rejoin": frozenset({"lost"}),
    "hangup": frozenset({"BridgeLeave", "Hangup"}),
}


class Agent:
    """One agent with a caller."""

    def __init__(self, run: Run, number: str, token: str) -> None:
        self.run, self.number, self.token = run, number, token
        self.pop = self.linkedid = ""

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.run.url}/api/v1{path}"
        async with self.run.http.request(method, url, json=body, headers=headers) as answer:
            return await answer.json()

    async def find(self) -> bool:
        """Whether a caller talks with this agent."""
        pops = (await self.api("GET", "/pops?open=true"))["items"]
        talks = [p for p in pops if p["call"]["state"] == "talking"]
        if talks:
            self.pop, self.linkedid = talks[0]["id"], talks[0]["call"]["linkedid"]
        return bool(talks)

    async def take(self, linkedid: str) -> bool:
        """Wait until this call is the agent's alone: it was given to him, or his phone has it again."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            for item in (await self.api("GET", "/pops?open=true"))["items"]:
                control = item.get("control") or {}
                if item["call"]["linkedid"] == linkedid and control.get("situation") == "talking":
                    self.pop, self.linkedid = item["id"], linkedid
                    return True
            await asyncio.sleep(0.05)
        self.run.faults.append(f"{self.number} was not given the call")
        return False

    async def situation(self, *wanted: str) -> None:
        end, control = time.monotonic() + WAIT_S, dict[str, Any]()
        while time.monotonic() < end:
            found = (await self.api("GET", f"/pops/{self.pop}")).get("pop") or {}
            control = found.get("control") or {}
            if control.get("situation") in wanted:
                return
            await asyncio.sleep(0.05)
        self.run.faults.append(f"{wanted}: {control}")

    async def press(self, command: str, to: str = "", kind: str = "agent") -> None:
        """One command, measured."""
        body: dict[str, Any] = {"id": str(uuid.uuid4()), "command": command}
        if to:
            body["target"] = {"kind": kind, "to": to}
        clicked = time.time()
        answer = await self.api("POST", f"/calls/{self.pop}/commands", body)
        answered = time.time()
        acted, end = None, time.monotonic() + 3.0
        while acted is None and time.monotonic() < end:
            await asyncio.sleep(0.01)
            acted = self.run.acts.after(self.linkedid, clicked, ACTS[command])
        if answer.get("state") != "done" or acted is None:
            fault = answer.get("error", {}).get("code", "no act was heard")
            self.run.faults.append(f"{command}: {fault}")
            return
        self.run.acted.setdefault(command, []).append((acted - clicked) * 1000)
        self.run.told.setdefault(command, []).append((answered - clicked) * 1000)


class Run:
    """What all agents share."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self.http = url, http
        self.acts = Acts()
        self.acted: dict[str, list[float]] = {}
        self.told: dict[str, list[float]] = {}
        self.faults: list[str] = []
