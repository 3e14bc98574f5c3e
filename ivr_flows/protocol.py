"""What the engine tells its runner to do, and what the runner tells the engine has happened.

For whoever runs calls (the FastAGI runner, the simulator): keep one `engine.Engine` for all calls and one
`engine.State` per call, and loop::

    step = engine.start("main", Started(caller="13800138000", did="95300", at=now_utc))
    while True:
        for command in step.commands:       # in this order
            ...                             # Announce: carry out and go on, no event
                                            # Waiting:  carry out, make the event named below
                                            # Final:    carry out and leave the loop
        step = engine.step(step.state, event)

Each `step.commands` holds any number of `Announce` commands and then exactly one `Waiting` or `Final`
command, last. `HungUp` may answer every waiting command; feed it once, the engine then only saves what is
worth saving (`Ask`) and ends with `Finish`. Nothing else may be fed after a `Final` command.

| command | answered by |
|---|---|
| `Play` | `Played` |
| `Collect` | `Entered` |
| `Record` | `Recorded` or `RecordFailed` |
| `Ask` | `Answered` or `AskFailed` |
| `Publish` | (announce: nothing) |
| `Transfer`, `HangUp`, `Finish` | (final: nothing) |

Every text, digit and value in a command has been cleaned (`ivr_flows.clean`): no control characters, no
quotes, bounded length; it is still data and is never to be evaluated. The engine has no clock: all waits are
the runner's, with the seconds given in the command. All durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Scalar = str | int | bool
Row = Mapping[str, Scalar]
Value = Scalar | Row | tuple[Row, ...]


# --- what is heard -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prompt:
    """A recorded prompt: play the sound file `prompts/zh/<id>.wav`."""

    id: str


@dataclass(frozen=True, slots=True)
class Text:
    """Words without a recording: have the text-to-speech port (`ivr_flows.tts`) make them."""

    text: str


Sound = Prompt | Text


# --- commands: imperative ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Publish:
    """Set what the rest of the call may know: channel variables for the dialplan and the pop.

    Keys are ``[a-z_]`` names (prefix them as the dialplan likes), values are clean texts of at most 256
    characters. Sent when a value has changed, so that a fallback after a fault still has the context.
    """

    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Play:
    """Play sounds in order. A key in `stop_keys` stops them at once and is the `digit` of `Played`."""

    sounds: tuple[Sound, ...]
    stop_keys: str = ""


@dataclass(frozen=True, slots=True)
class Collect:
    """Play sounds, then gather keys.

    The first key stops the sounds when `barge_in` (else keys pressed during them are dropped). Gathering
    ends with the `terminator` (not part of the answer; "" means none), at `maximum` keys, `first_s` after the
    sounds without any key, or `gap_s` after the last key. `typed` holds keys already pressed during what came
    before: they count as the beginning of the entry and no sounds are given then.
    """

    sounds: tuple[Sound, ...]
    maximum: int
    terminator: str
    first_s: float
    gap_s: float
    barge_in: bool = True
    typed: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Play sounds, beep, then record the caller into a file that the runner names (never from caller text).

    Ends with any key of ``0123456789*#``, `silence_s` of silence, or `maximum_s`.
    """

    sounds: tuple[Sound, ...]
    maximum_s: int
    silence_s: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Call a back-end operation of `ivr_flows.lookups` by name, with a deadline."""

    operation: str
    args: Mapping[str, Scalar]
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """Give the caller to a person, and leave the menu.

    `agent` ("" or 2–6 digits) is tried first, then `queue`. `priority` is the QUEUE_PRIO of Asterisk, 0 for
    normal, more goes first. `context` is what the pop must carry.
    """

    queue: str
    agent: str
    priority: int
    context: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller has been served: end the call."""

    context: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Finish:
    """The caller is gone: tell the context to those who keep it, touch the channel no more."""

    context: Mapping[str, str]


Announce = Publish
Waiting = Play | Collect | Record | Ask
Final = Transfer | HangUp | Finish
Command = Announce | Waiting | Final


# --- events: past tense ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """A call has come to a flow. Texts are the caller's or the trunk's and are not trusted.

    `caller` is the number as it is to be used for look-ups ("" when withheld), `at` is UTC. `values` presets
    variables of the flow (survey: the agent; others are ignored if not declared).
    """

    caller: str = ""
    did: str = ""
    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    tier: str = ""
    values: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Played:
    """The sounds are over (`digit` "") or were stopped by this key."""

    digit: str = ""


@dataclass(frozen=True, slots=True)
class Entered:
    """The caller's keys without the terminator; `how` says what ended the entry.

    ``timeout`` with no keys is silence; ``terminator`` with no keys is a bare "#".
    """

    digits: str
    how: Literal["terminator", "full", "timeout"] = "timeout"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording of `seconds` exists under `ref` (``[A-Za-z0-9._-]``, the runner's name for it).

    When the caller hung up during it, feed this with `hung_up` instead of `HungUp`: the words are not lost.
    """

    ref: str
    seconds: float
    hung_up: bool = False


@dataclass(frozen=True, slots=True)
class RecordFailed:
    """No recording: no disk space, no permission."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The back end's answer: an `outcome` of the operation, and its fields (untrusted texts)."""

    outcome: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskFailed:
    """The back end did not answer in time, is away, or spoke nonsense; `reason` is for the log."""

    reason: Literal["timeout", "unavailable", "error"] = "unavailable"


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller has hung up."""


Event = Played | Entered | Recorded | RecordFailed | Answered | AskFailed | HungUp
