"""What the templates are filled with: the settings, checked as a whole and put in Asterisk's words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asterisk_conf.modules import groups
from cti.config import AgentSettings, Settings
from cti.domain.routing import LAST_CHOICE
from cti.errors import ConfigError

IVR_FLOWS = ("waybill", "survey")  # scripts that a caller can be sent to in mid-call
LOOK_MS = 20
"""How often the dialplan looks whether the route of a call is there."""


@dataclass(frozen=True, slots=True)
class Places:
    """Paths as Asterisk itself sees them.

    `moddir` and `sharedir` are those of the installation (None: the compiled-in ones).
    """

    home: Path
    moddir: Path | None = None
    sharedir: Path | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent with every device that rings for them."""

    number: str
    devices: tuple[str, ...]
    dids: tuple[str, ...]
    queues: tuple[str, ...]
    penalty: int

    @property
    def dial(self) -> str:
        """Argument of Dial and of a hint."""
        return "&".join(f"PJSIP/{device}" for device in self.devices)

    @property
    def interface(self) -> str:
        """Queue member: the device itself, or a Local channel that rings all of several devices."""
        return self.dial if len(self.devices) == 1 else f"Local/{self.number}@agents"

    @property
    def state_interface(self) -> str:
        """Whose state tells the queue whether the agent is free."""
        return self.dial if len(self.devices) == 1 else f"hint:{self.number}@agents"


def plan(settings: Settings, places: Places) -> dict[str, Any]:
    """The context of every template. Raises ConfigError naming all faults at once."""
    faults = _faults(settings)
    if faults:
        raise ConfigError(
            "settings cannot be put into Asterisk's files:\n" + "\n".join(f"  {f}" for f in faults)
        )
    asterisk = settings.asterisk
    agents = [_agent(a) for a in settings.agents]
    agents_devices = {d for a in agents for d in a.devices}
    ari_on = bool(asterisk.ari_username)
    softphones = set(asterisk.softphones)
    return {
        "home": places.home,
        "moddir": places.moddir,
        "asterisk": asterisk,
        "agi": settings.agi,
        "callback": settings.callback,
        "control": settings.control,
        "floor": settings.floor,
        "ivr_flows": IVR_FLOWS,
        "routing": settings.routing,
        "route_looks": -(-settings.routing.wait_ms // LOOK_MS),
        "look_s": LOOK_MS / 1000,
        "last_choice": LAST_CHOICE,
        "recording": settings.recording,
        "outreach": settings.outreach,
        "dial_caller": settings.outreach.dial_caller or next((q.did for q in settings.queues if q.did), ""),
        "recording_options": "S",  # silence keeps the two legs in step
        "agents": agents,
        "queues": [
            {
                **queue.model_dump(),
                "members": [a for a in agents if queue.name in a.queues],
            }
            for queue in settings.queues
        ],
        "default_queue": settings.queues[0].name if settings.queues else "",
        "softphones": softphones,
        "supervisor_devices": sorted(set(settings.floor.supervisor_devices.values()) - agents_devices),
        "ari_on": ari_on,
        "http_on": ari_on or bool(softphones),
        "ami_users": _ami_users(settings),
        "modules": groups(browser_phones=bool(softphones), rest=ari_on),
    }


def _agent(agent: AgentSettings) -> Agent:
    return Agent(
        number=agent.number,
        devices=agent.devices or (agent.number,),
        dids=tuple(dict.fromkeys(n for n in (agent.number, agent.did) if n)),
        queues=agent.queues,
        penalty=agent.penalty,
    )


def _ami_users(settings: Settings) -> list[dict[str, Any]]:
    """The user of the instance, and every other name under which the service logs in to this node."""
    users = {settings.asterisk.ami_username: settings.asterisk.ami_secret}
    for node in settings.ami:
        if node.name == settings.asterisk.node:
            users.setdefault(node.username, node.secret)
    return [{"name": name, "secret": secret} for name, secret in users.items()]


def _faults(settings: Settings) -> list[str]:
    asterisk = settings.asterisk
    faults = []
    if not asterisk.ami_secret.get_secret_value():
        faults.append("asterisk.ami_secret: is empty; set one (there is no default secret)")
    if settings.agents and not asterisk.device_secret.get_secret_value():
        faults.append("asterisk.device_secret: is empty; set one (there is no default secret)")
    if asterisk.ari_username and not asterisk.ari_secret.get_secret_value():
        faults.append("asterisk.ari_secret: is empty; set one (there is no default secret)")
    if asterisk.rtp_end < asterisk.rtp_start:
        faults.append("asterisk.rtp_end: is below asterisk.rtp_start")
    agents = [_agent(a) for a in settings.agents]
    devices = [d for a in agents for d in a.devices]
    names = [q.name for q in settings.queues]
    dids = [q.did for q in settings.queues if q.did] + [d for a in agents for d in a.dids]
    for what, values in (
        ("agents.number", [a.number for a in agents]),
        ("agents.devices", devices),
        ("queues.name", names),
        ("dialled number (did, agent number)", dids),
    ):
        faults += [f"{what}: {v} is there {n} times" for v, n in Counter(values).items() if n > 1]
    faults += [
        f"agents.queues: agent {a.number} is in queue {q}, which is not in [[queues]]"
        for a in agents
        for q in a.queues
        if q not in names
    ]
    faults += [
        f"asterisk.softphones: {d} is no device of an agent" for d in asterisk.softphones if d not in devices
    ]
    if asterisk.softphones and not asterisk.ari_username:
        faults.append(
            "asterisk.ari_username: phones in the browser get their passwords over the REST interface"
        )
    return faults
