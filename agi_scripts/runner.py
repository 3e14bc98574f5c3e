"""Runs one call: carries out what the flow engine commands and tells it what happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agi_scripts import context, keys, recording
from agi_scripts.errors import CallerHungUp, CommandFailed, Draining
from agi_scripts.link import CallLink
from agi_scripts.ports import Answers, CallInfo, Places, Voice
from agi_scripts.queue_status import queue_status
from agi_scripts.session import PLAY_S, VERB_ERROR, Session
from cti.errors import DeadlineExceeded, LaidianError, StateError, TransportError, Unavailable
from cti.obs import get_logger
from ivr_flows import protocol as p
from ivr_flows.engine import Engine, Step

SPEAK_S = 3.0
"""Deadline for making words without a recording; after it they are left out."""
CHUNK = 1500
"""Characters of sound names in one command, well below what Asterisk reads."""

_log = get_logger("agi.call")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call left the menus (``hangup``, ``transfer:QUEUE``, ``broken``), what it did there, and for how
    many seconds."""

    end: str
    context: Mapping[str, str]
    seconds: float


class Runner:
    """One call in the menus. Everything it waits for has a deadline; every end leads somewhere sensible."""

    def __init__(
        self,
        engine: Engine,
        session: Session,
        link: CallLink,
        call: CallInfo,
        *,
        answers: Answers,
        voice: Voice,
        places: Places,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._session = session
        self._link = link
        self._call = call
        self._answers = answers
        self._voice = voice
        self._places = places
        self._now = now
        self._since = time.monotonic()
        self._recordings = recording.Names(call.uniqueid)
        self._entry = keys.Entry(session, PLAY_S)
        self._broken = False

    def run(self, flow: str, started: p.Started) -> Ended:
        """Take the caller through `flow` to an end.

        Whatever breaks on the way, the caller's words are kept (as after a hang-up) and the channel goes back
        to the dialplan without LAIDIAN_NEXT, which sends the caller to a person.
        """
        step = self._engine.start(flow, started)
        while True:
            event = self._carry_out(step)
            if event is None:
                break
            step = self._engine.step(step.state, event)
        seconds = time.monotonic() - self._since
        end = "broken" if self._broken else step.state.end or type(step.last).__name__.lower()
        _log.info(
            "ivr_call",
            flow=flow,
            end=end,
            seconds=round(seconds, 1),
            call=self._call.linkedid,
        )
        told = step.last.context if isinstance(step.last, p.Transfer | p.HangUp | p.Finish) else {}
        return Ended(end, told, seconds)

    def _carry_out(self, step: Step) -> p.Event | None:
        """All commands of one step; the event of the last, None after an end."""
        event: p.Event | None = None
        try:
            for command in step.commands:
                event = self._do(command)
        except CallerHungUp:
            return None if step.done else p.HungUp()
        except (LaidianError, VERB_ERROR) as e:
            # our fault, Asterisk's or a drain: keep what the caller said, then a person
            level = _log.warning if isinstance(e, Draining) else _log.error
            level("ivr_call_broken", error=repr(e), node=step.state.node, call=self._call.linkedid)
            self._broken = True
            return None if step.done else p.HungUp()
        return event

    def _do(self, command: p.Command) -> p.Event | None:
        match command:
            case p.Publish():
                self._session.set_variables(context.pairs(command.values))
                return None
            case p.Play():
                return p.Played(self._play(command.sounds, command.stop_keys))
            case p.Collect():
                return self._collect(command)
            case p.Record():
                return self._record(command)
            case p.Ask():
                return self._ask(command)
            case p.Transfer():
                self._transfer(command)
            case p.HangUp():
                self._tell(command.context)
                self._session.set_variable("LAIDIAN_NEXT", "hangup")
            case p.Finish():
                self._finish(command)
        return None

    # --- hearing and speaking ---------------------------------------------------------------------------

    def _files(self, sounds: Sequence[p.Sound]) -> list[str]:
        """Names for Asterisk; words that no voice can make in time are left out, not waited for."""
        files = []
        for sound in sounds:
            if isinstance(sound, p.Prompt):
                files.append(f"{self._places.sounds}/{sound.id}")
                continue
            try:
                files.append(self._link.wait(self._voice.speak(sound.text), SPEAK_S))
            except (Unavailable, DeadlineExceeded, TransportError) as e:
                _log.warning("ivr_words_left_out", error=str(e), call=self._call.linkedid)
        return files

    def _play(self, sounds: Sequence[p.Sound], stop_keys: str) -> str:
        """The key that stopped the sounds, or "". A sound that is missing is skipped by Asterisk."""
        for files in keys.chunks(self._files(sounds), CHUNK):
            try:
                digit = self._entry.play(files, stop_keys)
            except CommandFailed as e:
                _log.warning("ivr_sound_failed", error=str(e), call=self._call.linkedid)
                continue
            if digit:
                return digit
        return ""

    def _collect(self, command: p.Collect) -> p.Entered:
        files = [] if command.typed else self._files(command.sounds)
        typed = command.typed
        if files and not command.barge_in:
            self._play(command.sounds, "")
            files = []
        *early, last = keys.chunks(files, CHUNK) or [[]]
        for chunk in early:  # an announcement longer than one command: a key in it begins the entry
            typed = self._entry.play(chunk, keys.ALL)
            if typed:
                last = []
                break
        return self._entry.collect(
            last,
            maximum=command.maximum,
            terminator=command.terminator,
            first_s=command.gap_s if typed else command.first_s,
            gap_s=command.gap_s,
            typed=typed,
        )

    def _record(self, command: p.Record) -> p.Event:
        self._play(command.sounds, "")
        return recording.record(
            self._session,
            self._recordings,
            self._places,
            maximum_s=command.maximum_s,
            silence_s=command.silence_s,
        )

    # --- asking -----------------------------------------------------------------------------------------

    def _ask(self, command: p.Ask) -> p.Event:
        if command.operation == "queue_status":
            return queue_status(self._session, command.args)
        try:
            answer = self._link.wait(
                self._answers.answer(command.operation, command.args, self._call), command.deadline_s
            )
        except DeadlineExceeded:
            reason = "timeout"
        except (Unavailable, TransportError) as e:
            _log.warning(
                "ivr_backend_away", operation=command.operation, error=str(e), call=self._call.linkedid
            )
            reason = "unavailable"
        except Draining:
            raise
        except LaidianError as e:
            _log.error(
                "ivr_backend_error", operation=command.operation, error=str(e), call=self._call.linkedid
            )
            reason = "error"
        else:
            return p.Answered(answer.outcome, answer.data)
        return p.AskFailed(reason)  # type: ignore[arg-type]

    # --- leaving ----------------------------------------------------------------------------------------

    def _transfer(self, command: p.Transfer) -> None:
        self._tell(command.context)
        where = [
            ("__LAIDIAN_QUEUE", command.queue),
            ("__LAIDIAN_PRIORITY", str(command.priority)),
            ("__LAIDIAN_AGENT", command.agent),
            # last: the dialplan goes by it, and without it the caller goes to a person with an apology
            ("LAIDIAN_NEXT", "agent" if command.agent else "queue"),
        ]
        self._session.set_variables(where)

    def _tell(self, values: Mapping[str, str]) -> None:
        """The whole context: variables for the dialplan, one UserEvent for the pop."""
        told = {**values, "ivr_s": str(round(time.monotonic() - self._since))}
        self._session.set_variables(context.pairs(told))
        self._session.application("UserEvent", context.user_event(told))

    def _finish(self, command: p.Finish) -> None:
        """The caller is gone, or this call broke: tell the context if Asterisk still listens."""
        if self._link.closed:
            return
        self._session.dead = not self._broken
        try:
            self._tell(command.context)
        except (LaidianError, StateError) as e:
            _log.info("ivr_context_untold", error=str(e), call=self._call.linkedid)
