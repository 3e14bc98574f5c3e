"""The demo's own settings file: fresh secrets, ports that are free now, six agents, three queues."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

from cti.config import Settings, load

TEMPLATE = """\
# 演示设置 · written by `laidian demo` at each start, with secrets of its own. Synthetic data only.
company = "来电速运"
demo = true

[store]
url = "sqlite:///{folder}/laidian.db"

[pop]
journal = "{folder}/journal"

[web]
port = {web}

[asterisk]
directory = "{folder}/asterisk"
# a simulated phone falls silent when its words are said
rtp_timeout_s = 60
sip_port = {sip}
trunk_contact = "sip:127.0.0.1:{carrier}"
ami_port = {ami}
http_port = {http}
rtp_start = 34000
rtp_end = 34999
ami_secret = "{ami_secret}"
device_secret = "{device_secret}"
ari_username = "laidian"
ari_secret = "{ari_secret}"
softphones = [{softphones}]

[recording]
enabled = true

# calls out by a click at any hour: the customers are phones of the demo
[outreach]
dial_hours = "00:00-24:00"
receipt_share = 1.0
delivery_share = 1.0

[quality]
calls = "sample"
sample_share = 0.4

# of the synthetic waybills; callers leave it out
[waybills]
prefixes = ["HC"]

[live]
max_calls = 2

# the supervisor's phone, by which to listen, whisper and barge in
[floor.supervisor_devices]
supervisor = "8001"

[agi]
enabled = {agi_enabled}
port = {agi}

[[ami]]
name = "pbx1"
port = {ami}
username = "laidian"
secret = "{ami_secret}"
ari_url = "http://127.0.0.1:{http}"
ari_username = "laidian"
ari_secret = "{ari_secret}"

[[queues]]
name = "hotline"
label = "客服热线"
did = "95543"
strategy = "ringall"
ring_s = 20
wrapup_s = 15
live_help = true

[[queues]]
name = "vip"
label = "VIP 专线"
did = "95544"
strategy = "rrmemory"
ring_s = 15
wrapup_s = 15

[[queues]]
name = "claims"
label = "投诉理赔"
did = "95545"
strategy = "leastrecent"
ring_s = 15
wrapup_s = 15
"""
AGENT = """
[[agents]]
number = "{number}"
devices = [{devices}]
queues = [{queues}]
"""
AGENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "1001": (("1001", "1001w"), ("hotline", "vip")),
    "1002": ((), ("hotline",)),
    "1003": ((), ("hotline", "claims")),
    "1004": (("1004", "1004b"), ("vip",)),
    "1005": ((), ("vip", "claims")),
    "1006": ((), ("claims",)),
}
BROWSER_PHONES = ("1001w",)  # rings in the page of whoever signs in, beside the simulated phone


def free_port(preferred: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """`preferred` when nobody holds it on loopback, else one that is free."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    return preferred


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f'"{w}"' for w in words)


def prepare(folder: Path, *, web_port: int, self_service: bool) -> tuple[Path, Settings]:
    """Write ``folder/laidian.toml`` and return it with what it says."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "laidian.toml"
    text = TEMPLATE.format(
        folder=folder,
        web=free_port(web_port),
        sip=free_port(5060, socket.SOCK_DGRAM),
        ami=free_port(5038),
        carrier=free_port(5090, socket.SOCK_DGRAM),
        http=free_port(8088),
        agi=free_port(4573),
        agi_enabled=str(self_service).lower(),
        ami_secret=secrets.token_urlsafe(24),
        ari_secret=secrets.token_urlsafe(24),
        device_secret=secrets.token_urlsafe(24),
        softphones=_quoted(BROWSER_PHONES if self_service else ()),
    )
    text += "".join(
        AGENT.format(
            number=number,
            devices=_quoted(
                tuple(d for d in devices or (number,) if self_service or d not in BROWSER_PHONES)
            ),
            queues=_quoted(queues),
        )
        for number, (devices, queues) in AGENTS.items()
    )
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)  # it holds secrets
    return file, load(file)
