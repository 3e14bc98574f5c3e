"""The engine: whatever is fed to it, a call ends well."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.errors import ConfigError, StateError, UsageError
from ivr_flows import protocol as p
from ivr_flows.engine import Engine, Step
from ivr_flows.lookups import OPERATIONS
from ivr_flows.sample import CALLER, built_in
from ivr_flows.state import State
from tests.ivr.flow_walks import AT, at_node, begin, engine, finish, listening_nodes, usual, waiting_nodes

FLOWS = sorted(engine().flows)
HARMFUL = set("\"'\\$`;|&<>{}[]()\r\n\0")


# --- ends -----------------------------------------------------------------------------------------


def keys_of(command: p.Command) -> st.SearchStrategy[p.Event]:
    """Anything that can come back for a command."""
    if isinstance(command, p.Play):
        return st.builds(p.Played, st.sampled_from(["", *command.stop_keys]))
    if isinstance(command, p.Collect):
        entry = st.text("0123456789*#", max_size=command.maximum)
        return st.builds(p.Entered, entry, st.sampled_from(["terminator", "full", "timeout"]))
    if isinstance(command, p.Record):
        return st.one_of(
            st.builds(p.Recorded, st.text(max_size=40), st.floats(0, 300), st.booleans()),
            st.just(p.RecordFailed("no space")),
        )
    assert isinstance(command, p.Ask)
    operation = OPERATIONS[command.operation]
    junk = st.one_of(
        st.text(max_size=80), st.integers(), st.booleans(), st.none(), st.lists(st.integers(), max_size=3)
    )
    data = st.dictionaries(st.sampled_from([*operation.fields, "extra"]), junk, max_size=5)
    return st.one_of(
        st.builds(p.Answered, st.sampled_from([*operation.outcomes, "nonsense"]), data),
        st.builds(p.AskFailed, st.sampled_from(["timeout", "unavailable", "error"])),
        st.just(p.Answered(*built_in(AT)(command.operation, command.args))),
    )


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(FLOWS), st.sampled_from(["", CALLER, "13700000000"]))
def test_any_sequence_of_events_ends_with_a_person_or_a_hang_up(
    data: st.DataObject, flow: str, caller: str
) -> None:
    """Whatever caller and back ends do, the call ends within its bounds, and commands stay clean."""
    step = begin(flow, caller=caller)
    steps = 0
    while not step.done:
        check_clean(step)
        steps += 1
        assert steps <= 302
        step = engine().step(step.state, data.draw(keys_of(step.last)))
    assert isinstance(step.last, p.Transfer | p.HangUp | p.Finish)
    assert step.state.end == "hangup" or step.state.end.startswith("transfer:")
    check_clean(step)


def check_clean(step: Step) -> None:
    """No command carries anything that could be interpreted."""
    for command in step.commands:
        texts: list[str] = []
        if isinstance(command, p.Play | p.Collect | p.Record):
            texts += [s.text for s in command.sounds if isinstance(s, p.Text)]
            assert all(s.id.replace("_", "a").isalnum() for s in command.sounds if isinstance(s, p.Prompt))
        elif isinstance(command, p.Publish):
            texts += command.values.values()
        elif isinstance(command, p.Ask):
            texts += [v for v in command.args.values() if isinstance(v, str)]
        else:
            texts += [v for k, v in command.context.items() if k != "path"]
        for text in texts:
            assert len(text) <= 256
            assert not set(text) & HARMFUL


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text("0123456789*#", min_size=0, max_size=60), max_size=40), st.sampled_from(FLOWS))
def test_any_keys_end_with_a_person_or_a_hang_up(entries: list[str], flow: str) -> None:
    """Keys of any kind and number, then silence, end the call."""
    left = list(entries)
    last = finish(
        begin(flow), lambda s: p.Entered(left.pop(0)) if isinstance(s.last, p.Collect) and left else None
    )[-1]
    assert last.done


@pytest.mark.parametrize("flow", [f for f in FLOWS if f not in ("survey", "waybill")])
def test_a_silent_caller_reaches_a_person(flow: str) -> None:
    """Silence from the first question on ends with a person (a survey ends with a good-bye)."""
    steps = finish(begin(flow))
    if any(isinstance(s.last, p.Collect) for s in steps):
        assert isinstance(steps[-1].last, p.Transfer)


@pytest.mark.parametrize("flow", [f for f in FLOWS if f not in ("survey", "waybill")])
def test_three_wrong_inputs_reach_a_person(flow: str) -> None:
    """Three wrong entries at the first question end with a person."""
    wrong = 0

    def answer(step: Step) -> p.Event | None:
        nonlocal wrong
        if isinstance(step.last, p.Collect):
            wrong += 1
            return p.Entered("*9*9*9*", "timeout") if step.last.maximum > 1 else p.Entered("9", "full")
        return None

    last = finish(begin(flow), answer)[-1]
    assert wrong == 0 or (wrong == 3 and isinstance(last.last, p.Transfer))


@pytest.mark.parametrize(("flow", "node"), list(waiting_nodes()))
def test_hanging_up_at_every_node_ends_the_call(flow: str, node: str) -> None:
    """A hang-up while any node waits leads to Finish, with nothing played or collected afterwards."""
    step = at_node(flow, node)
    assert step.state.node == node
    heard = []
    step = engine().step(step.state, p.HungUp())
    while not step.done:
        heard.append(step.last)
        step = engine().step(step.state, usual(step.last, built_in(AT)))
    assert isinstance(step.last, p.Finish)
    assert all(isinstance(c, p.Ask) and OPERATIONS[c.operation].writes for c in heard)
    assert len(heard) <= 1


@pytest.mark.parametrize(("flow", "node"), [x for x in listening_nodes() if x[0] != "waybill"])
def test_zero_at_every_question_and_announcement_leads_to_a_person(flow: str, node: str) -> None:
    """Key 0 ends with a person from wherever keys are heard."""
    step = at_node(flow, node)
    assert step.state.node == node
    if isinstance(step.last, p.Play):
        assert "0" in step.last.stop_keys
        step = engine().step(step.state, p.Played("0"))
    else:
        step = engine().step(step.state, p.Entered("0"))
    assert isinstance(finish(step)[-1].last, p.Transfer)


# --- manners --------------------------------------------------------------------------------------


def test_words_said_before_hanging_up_are_not_lost() -> None:
    """Who hangs up during the recording of a complaint has complained: it is saved, and nobody is called."""
    step = begin("complaint")
    asked: list[p.Ask] = []
    while not step.done:
        event = usual(step.last, built_in(AT))
        if isinstance(step.last, p.Collect):
            event = p.Entered("2", "full") if step.last.maximum == 1 else p.Entered("", "terminator")
        if isinstance(step.last, p.Record):
            event = p.Recorded("call-17", 9.0, hung_up=True)
        if isinstance(step.last, p.Ask):
            asked.append(step.last)
        step = engine().step(step.state, event)
    assert [a.operation for a in asked] == ["complaint_create"]
    assert asked[0].args["recording"] == "call-17"
    assert asked[0].args["category"] == "破损"
    assert isinstance(step.last, p.Finish)
    assert step.last.context["complaint_id"] == "80001"


def test_no_disk_for_a_recording_saves_the_complaint_without_it() -> None:
    """A recording that cannot be made does not lose the complaint."""

    def answer(step: Step) -> p.Event | None:
        if isinstance(step.last, p.Collect):
            return p.Entered("1", "full") if step.last.maximum == 1 else p.Entered("", "terminator")
        return p.RecordFailed("no space") if isinstance(step.last, p.Record) else None

    steps = finish(begin("complaint"), answer)
    asked = [s.last for s in steps if isinstance(s.last, p.Ask) and s.last.operation == "complaint_create"]
    assert [a.args["recording"] for a in asked] == [""]
    assert isinstance(steps[-1].last, p.Transfer)
    assert (steps[-1].last.queue, steps[-1].last.priority) == ("claims", 8)


def test_a_key_pressed_during_an_announcement_counts_for_the_next_question() -> None:
    """Barge-in: a key during the welcome chooses in the main menu, which is not read out then."""
    step = begin("main", caller="")
    assert isinstance(step.last, p.Play)
    step = engine().step(step.state, p.Played("1"))
    assert isinstance(step.last, p.Collect)
    assert step.state.path[-3:] == ("menu", "tracking", "tracking.ask")
    assert step.last.sounds
    assert step.last.typed == ""


def test_keys_typed_ahead_begin_the_entry_of_digits() -> None:
    """A key pressed during what comes before a question for digits is handed on as the entry's beginning."""
    step = begin("tracking")
    step = engine().step(step.state, p.Entered("9999999999", "terminator"))
    step = engine().step(step.state, p.Answered("none"))
    assert isinstance(step.last, p.Play)
    step = engine().step(step.state, p.Played("7"))
    assert isinstance(step.last, p.Collect)
    assert (step.last.typed, step.last.sounds) == ("7", ())


def test_the_terminator_of_a_full_entry_is_swallowed() -> None:
    """Four digits are complete without #; the # that people still press is no wrong choice afterwards."""
    step = begin("tracking", caller="")
    step = engine().step(step.state, p.Entered("2234567890", "terminator"))
    step = engine().step(step.state, p.Answered("locked"))
    step = engine().step(step.state, p.Entered("7000", "full"))
    step = engine().step(
        step.state, p.Answered(*built_in(AT)("parcel_unlock", {"number": "2234567890", "last4": "7000"}))
    )
    assert isinstance(step.last, p.Play)
    assert "#" not in step.last.stop_keys
    step = engine().step(step.state, p.Played())
    step = engine().step(step.state, p.Entered("#", "full"))
    assert isinstance(step.last, p.Collect)
    assert p.Prompt("wrong_input") not in step.last.sounds


def test_wrong_and_silent_answers_are_told_apart() -> None:
    """What was wrong is said before the question is asked again."""
    step = begin("tracking")
    step = engine().step(step.state, p.Entered("12", "terminator"))
    assert isinstance(step.last, p.Collect)
    assert step.last.sounds[0] == p.Prompt("wrong_waybill")
    step = engine().step(step.state, p.Entered(""))
    assert isinstance(step.last, p.Collect)
    assert step.last.sounds[0] == p.Prompt("no_input")


def test_details_of_a_parcel_are_told_only_to_those_who_may_hear_them() -> None:
    """A stranger must type the receiver's last four digits, has three tries, and hears nothing before."""
    step = begin("tracking", caller="13700000000")
    step = engine().step(step.state, p.Entered("1234567890", "terminator"))
    step = engine().step(step.state, p.Answered("locked"))
    for _ in range(3):
        assert isinstance(step.last, p.Collect)
        assert step.state.node == "ask_last4"
        assert not step.state.values.get("parcel")
        step = engine().step(step.state, p.Entered("1111", "full"))
        step = engine().step(step.state, p.Answered("wrong"))
        step = engine().step(step.state, p.Played())
    last = finish(step)[-1]
    assert isinstance(last.last, p.Transfer)
    assert "tell" not in last.state.path


def test_the_context_for_the_pop_carries_path_and_waybill() -> None:
    """What was typed and where the caller was goes along, and is published as soon as it is known."""
    steps = finish(
        begin("main", caller="13700000000"),
        lambda s: (
            {"menu": p.Entered("1", "full"), "ask": p.Entered("9999999999", "terminator")}.get(s.state.node)
            if isinstance(s.last, p.Collect) and s.state.steps < 8
            else None
        ),
    )
    published = [c.values for s in steps for c in s.commands if isinstance(c, p.Publish)]
    assert {"waybill": "9999999999"} in published
    assert isinstance(steps[-1].last, p.Transfer)
    assert steps[-1].last.context["waybill"] == "9999999999"
    assert steps[-1].last.context["path"].startswith("主菜单>快件跟踪")


@pytest.mark.parametrize("tier", ["项目客户", "VIP客户"])
def test_the_green_channel_skips_the_menu(tier: str) -> None:
    """Key customers go straight to their representative, with priority."""

    def answer(step: Step) -> p.Event | None:
        if isinstance(step.last, p.Ask) and step.last.operation == "customer":
            return p.Answered("one", {"tier": tier, "green": False, "representative": "1001"})
        assert not isinstance(step.last, p.Collect), "no menu for a key customer"
        return None

    last = finish(begin("main"), answer)[-1].last
    assert isinstance(last, p.Transfer)
    assert (last.queue, last.agent, last.priority) == ("vip", "1001", 10)


def test_a_representative_that_is_no_agent_number_is_not_called() -> None:
    """Only 2 to 6 digits reach the dialplan as an agent."""

    def answer(step: Step) -> p.Event | None:
        if isinstance(step.last, p.Ask) and step.last.operation == "customer":
            return p.Answered("one", {"tier": "VIP客户", "green": True, "representative": "PJSIP/9&Local/1"})
        return None

    last = finish(begin("main"), answer)[-1].last
    assert isinstance(last, p.Transfer)
    assert last.agent == ""


def test_position_and_waiting_time_are_told_and_a_long_wait_offers_a_callback() -> None:
    """转人工 tells the place and the wait; from two minutes on a callback is offered."""

    def waiting(seconds: int) -> list[Step]:
        return finish(
            begin("agent"),
            lambda s: (
                p.Answered("waiting", {"position": 4, "wait_s": seconds})
                if isinstance(s.last, p.Ask)
                else None
            ),
        )

    short, long = waiting(60), waiting(300)
    said = [s.last for s in short if isinstance(s.last, p.Play)]
    assert said[0].sounds[:3] == (p.Prompt("queue_position"), p.Prompt("n_4"), p.Prompt("queue_wait"))
    assert not any(isinstance(s.last, p.Collect) for s in short)
    assert any(isinstance(s.last, p.Collect) and s.state.node == "offer" for s in long)


@pytest.mark.parametrize(
    ("outcome", "end"), [("accepted", p.HangUp), ("duplicate", p.HangUp), ("refused", p.Transfer)]
)
def test_a_callback_is_asked_for_by_the_number_that_calls(outcome: str, end: type) -> None:
    """Accepted and already known callbacks end the call; a refused one leads to a person."""

    def answer(step: Step) -> p.Event | None:
        if isinstance(step.last, p.Collect):
            return p.Entered("1", "full")
        if isinstance(step.last, p.Ask):
            assert step.last.args == {"caller": CALLER, "queue": "vip", "number": CALLER}
            return p.Answered(outcome, {"position": 2})
        return None

    assert isinstance(finish(begin("callback", queue="vip"), answer)[-1].last, end)


def test_a_backend_that_is_away_leads_to_a_person_with_an_apology() -> None:
    """No answer, late answer, nonsense: the caller hears that it cannot be done now and gets a person."""
    for event in (
        p.AskFailed("timeout"),
        p.AskFailed("error"),
        p.Answered("nonsense"),
        p.Answered("found", {"parcel": 7}),
    ):
        step = begin("tracking")
        step = engine().step(step.state, p.Entered("1234567890", "terminator"))
        step = engine().step(step.state, event)
        assert isinstance(step.last, p.Play)
        assert step.last.sounds == (p.Prompt("system_busy"),)
        assert isinstance(finish(step)[-1].last, p.Transfer)


def test_a_half_wrong_answer_changes_nothing() -> None:
    """Of an answer with one field of the wrong shape no field is kept."""
    step = begin("quote")
    for entry in ("1", "0755", "010"):
        step = engine().step(step.state, p.Entered(entry, "terminator"))
    step = engine().step(step.state, p.Answered("quoted", {"days": 2, "price": "cheap"}))
    assert "days" not in step.state.values
    assert "price" not in step.state.values


def test_outside_the_hours_a_callback_is_offered_instead_of_a_queue(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A closed hotline says so and takes callbacks; nobody is put into a queue without agents."""
    hours = tmp_path_factory.mktemp("hours") / "hours.yaml"
    hours.write_text(
        "calendars:\n"
        "  hotline: {weekly: {mon-fri: ['09:00-18:00']}, holidays: {2026-03-05: 停电}}\n"
        "  pickup_today: {weekly: {}}\n"
        "  claims: {weekly: {}}\n",
        encoding="utf-8",
    )
    closed = Engine.load(hours_file=hours)
    for at in (AT + timedelta(hours=12), AT + timedelta(days=1)):
        step = closed.start("agent", p.Started(caller=CALLER, at=at))
        assert isinstance(step.last, p.Play)
        assert step.last.sounds == (p.Prompt("hotline_closed"),)
    step = closed.start("agent", p.Started(caller=CALLER, at=AT))
    assert isinstance(step.last, p.Ask)


# --- the machine ----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["1", "2", "3", "#", "*", "", "1234567890", "0755"]), max_size=12),
    st.sampled_from(FLOWS),
)
def test_a_state_survives_json_at_every_step(entries: list[str], flow: str) -> None:
    """A call can be written down and go on elsewhere: the same events lead to the same commands."""
    left = list(entries)
    step = begin(flow)
    while not step.done:
        again = State.load(json.loads(json.dumps(step.state.dump(), ensure_ascii=False)))
        event = usual(step.last, built_in(AT))
        if isinstance(step.last, p.Collect) and left:
            event = p.Entered(left.pop(0), "terminator")
        step, other = engine().step(step.state, event), engine().step(again, event)
        assert step.commands == other.commands
        assert json.dumps(step.state.dump()) == json.dumps(other.state.dump())


def test_a_step_does_not_change_the_state_it_began_with() -> None:
    """Pure: the same state can be stepped twice."""
    step = begin("tracking")
    before = json.dumps(step.state.dump())
    first = engine().step(step.state, p.Entered("1234567890", "terminator"))
    assert json.dumps(step.state.dump()) == before
    assert engine().step(step.state, p.Entered("1234567890", "terminator")) == first


def test_an_event_that_fits_nothing_is_refused_by_name() -> None:
    """An answer to something else raises with state and event; so does anything after the end."""
    step = begin("tracking")
    with pytest.raises(StateError, match=r"Collect at tracking.ask; Played"):
        engine().step(step.state, p.Played())
    last = finish(step)[-1]
    with pytest.raises(StateError, match="transfer:hotline"):
        engine().step(last.state, p.HungUp())


def test_our_own_misuse_is_told() -> None:
    """An unknown flow, a moment without zone and a state of another version are refused."""
    with pytest.raises(UsageError, match="no flow 'x'"):
        engine().start("x", p.Started(at=AT))
    with pytest.raises(UsageError, match="zone"):
        engine().start("main", p.Started(at=AT.replace(tzinfo=None)))
    with pytest.raises(UsageError, match="version"):
        State.load({"version": 0})


def test_untrusted_starts_leave_variables_empty() -> None:
    """Numbers that are none, and presets that nobody declared, are left out; texts are cleaned."""
    step = engine().start(
        "survey",
        p.Started(caller='x"\n', tier="V\0IP'", at=AT, values={"agent": "10;01", "no_such": 1, "score": "x"}),
    )
    assert step.state.values == {"did": "", "tier": "V IP"}


def test_wrong_files_are_refused_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Loading names every fault by file and line."""
    folder = tmp_path_factory.mktemp("flows")
    (folder / "a.yaml").write_text("title: a\nstart: x\nnodes:\n  x: {kind: dance}\n", encoding="utf-8")
    (folder / "b.yaml").write_text("title: [\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Engine.load(folder)
    assert "a.yaml:4" in str(caught.value)
    assert "b.yaml:2" in str(caught.value)
