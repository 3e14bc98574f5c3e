"""What a simulated phone does, and the SIPp scenario for it (templates in ``sipp/``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from asterisk_conf import rtp
from cti.errors import UsageError

TEMPLATES = Path(__file__).parent / "sipp"
_ENDLESS = 600 * rtp.RATE  # bytes of A-law
FAILURES = (400, 403, 404, 408, 410, 480, 486, 487, 488, 500, 503, 600, 603, 604, 606)
REASONS = {480: "Temporarily Unavailable", 486: "Busy Here", 503: "Service Unavailable", 603: "Decline"}


@dataclass(frozen=True, slots=True)
class Script:
    """A SIPp scenario and the files that must lie beside it."""

    xml: bytes
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done during a talk; made by the functions below."""

    kind: str
    milliseconds: int = 0
    text: str = ""
    times: int = 1


def wait(seconds: float) -> Step:
    """Listen for so long (the other side may hang up meanwhile)."""
    return Step("wait", milliseconds=max(1, round(seconds * 1000)))


def dtmf(digits: str) -> Step:
    """Press keys (RFC 4733) and wait until they are sent. Ends what is being played."""
    if not re.fullmatch(r"[0-9*#A-D]{1,64}", digits):
        raise UsageError(f"not telephone keys: {digits!r}")
    return Step("dtmf", text=digits, milliseconds=round(1000 * rtp.keys_seconds(digits)) + 100)


def play(file: Path, times: int = 1) -> Step:
    """Begin to say a raw A-law file (8 kHz), `times` over, -1 without end; does not wait.

    In a talk where keys are pressed as well, "without end" is ten minutes.
    """
    if not re.fullmatch(r"[\w./+@-]+", str(file.resolve())):
        raise UsageError(f"not a file name that SIPp can read: {file}")
    return Step("play", text=str(file.resolve()), times=times)


def hold() -> Step:
    """Put the other side on hold (re-INVITE sendonly)."""
    return Step("hold")


def resume() -> Step:
    """Take the other side back (re-INVITE sendrecv)."""
    return Step("resume")


def refer(number: str) -> Step:
    """Blind transfer by REFER; a second later this phone hangs up. The last step."""
    if not re.fullmatch(r"[0-9A-Za-z_+-]{1,40}", number):
        raise UsageError(f"not a number to transfer to: {number!r}")
    return Step("refer", text=number)


def hangup() -> Step:
    """Hang up first."""
    return Step("hangup")


def blind_transfer(number: str) -> Step:
    """The feature code of features.conf: ## and the number."""
    return dtmf(f"##{number}#")


def attended_transfer(number: str, talk_s: float) -> tuple[Step, ...]:
    """*2 and the number, a word with the colleague for `talk_s` after the dialling, then hang up."""
    return dtmf(f"*2{number}#"), wait(talk_s), hangup()


def agent(*, user: str, answer_after: float | None, reject: int | None, steps: Sequence[Step]) -> Script:
    """A device that is called. `answer_after` None: it rings for ever; `reject`: a SIP status."""
    return _render(
        "agent.xml.j2",
        steps,
        user=_user(user),
        answer_ms=None if answer_after is None else max(1, round(answer_after * 1000)),
        reject=f"{reject} {REASONS.get(reject, 'Rejected')}" if reject else "",
    )


def caller(
    *,
    to: str,
    number: str,
    name: str | bytes,
    password: str,
    give_up_after: float | None,
    steps: Sequence[Step],
) -> Script:
    """A phone that calls. `name` may be raw bytes of another charset (GBK)."""
    return _render(
        "caller.xml.j2",
        steps,
        to=_user(to),
        user=_user(number),
        name=_name(name),
        password=password,
        give_up_ms=None if give_up_after is None else max(1, round(give_up_after * 1000)),
        failures=FAILURES,
    )


def callers(*, to: str, callers: Sequence[tuple[str, str]], steps: Sequence[Step]) -> Script:
    """One after the other, each (number, name) of `callers` calls; SIPp's -inf file is ``callers.csv``."""
    script = _render(
        "caller.xml.j2",
        steps,
        to=_user(to),
        user="[field0]",
        name="[field1]",
        password="",
        give_up_ms=None,
        failures=FAILURES,
    )
    lines = ["SEQUENTIAL", *(f"{_user(number)};{_name(name)}" for number, name in callers)]
    return Script(script.xml, {**script.files, "callers.csv": ("\n".join(lines) + "\n").encode()})


def register(*, user: str, password: str, port: int | None) -> Script:
    """Register the contact on `port`, or None: withdraw every contact."""
    return _render("register.xml.j2", (), user=_user(user), password=password, port=port)


def _name(name: str | bytes) -> str:
    shown = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
    if re.search(r'[\x00-\x1f\x7f"\\\[\];]|]]>', shown):
        raise UsageError(
            "a caller's name may not hold quotes, brackets, semicolons or control characters here"
        )
    return shown


def _user(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z_.+*#-]{1,64}", text):
        raise UsageError(f"not a number or device name: {text!r}")
    return text


@cache
def _environment() -> Environment:
    # no autoescape: the texts stand in CDATA, and all of them were checked by the functions above
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701
    )


def _render(template: str, steps: Sequence[Step], **context: Any) -> Script:
    captured, files = _captured(steps)
    text = (
        _environment()
        .get_template(template)
        .render(steps=captured, streamed=any(s.kind == "play" for s in captured), **context)
    )
    return Script(text.encode("utf-8", "surrogateescape"), files)


def _captured(steps: Sequence[Step]) -> tuple[list[Step], dict[str, bytes]]:
    """Keys, and the voice of a talk in which keys are pressed, as capture files of one RTP stream."""
    if not any(s.kind == "dtmf" for s in steps):
        return [*steps], {}
    stream, files, out = rtp.Stream(), {}, []
    for number, step in enumerate(steps):
        if step.kind == "dtmf":
            packets = rtp.keys(step.text)
        elif step.kind == "play":
            sound = Path(step.text).read_bytes()
            times = step.times if step.times > 0 else max(1, _ENDLESS // max(len(sound), 1))
            packets = rtp.voice(sound * times)
        else:
            out.append(step)
            continue
        name = f"step{number}.pcap"
        files[name] = stream.capture(packets)
        out.append(replace(step, kind="keys" if step.kind == "dtmf" else "voice", text=name))
    return out, files
