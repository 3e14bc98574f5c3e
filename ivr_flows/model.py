"""A flow as data: nodes, edges, variables, what is said and what is compared.

`loader` makes these from YAML, `engine` walks them, `check` proves them. Nothing here is evaluated: a
condition is a fixed comparison, a value is a constant or the name of a variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ivr_flows.lookups import Kind
from ivr_flows.protocol import Scalar


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a flow or prompt file, where it stands and what is wrong with it."""

    file: str
    line: int
    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text} [{self.code}]"


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a node leads, and the line that says so."""

    target: str
    line: int


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared variable: its type and bounds, and whether the pop gets it.

    `maximum` is the length of digits and text, the greatest value of an int, the number of rows.
    """

    name: str
    kind: Kind
    line: int = 0
    minimum: int = 0
    maximum: int = 0
    values: tuple[str, ...] = ()
    publish: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of a variable, or of one field of a row: ``$parcel.number`` in YAML."""

    var: str
    field: str = ""
    line: int = 0


Operand = Scalar | Ref


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A recorded prompt by id."""

    id: str
    line: int


@dataclass(frozen=True, slots=True)
class SayPart:
    """A value read out: `how` is a format of `ivr_flows.say`, `options` a prompt per value."""

    how: str
    ref: Ref
    line: int
    unit: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


Part = PromptPart | SayPart
Parts = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison: `op` is ``is``, ``in``, ``not_in``, ``at_least``, ``below`` or ``given``."""

    __test__: ClassVar[bool] = False  # not a class of tests for pytest

    ref: Ref
    op: str
    values: tuple[Scalar, ...]
    line: int


@dataclass(frozen=True, slots=True)
class HoursTest:
    """Is the calendar `name` (hours.yaml) in `state`: ``open``, ``closed``, ``holiday``?"""

    name: str
    state: str
    line: int


Condition = Test | HoursTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every node has. `visits` > 0 bounds how often a call may come here, then edge ``too_often``."""

    kind: ClassVar[str] = ""
    waits: ClassVar[bool] = False  # something happens here that the caller may hang up in
    asks: ClassVar[bool] = False  # the caller must press keys

    id: str
    line: int
    edges: Mapping[str, Edge]
    visits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Say(Node):
    """Say parts and go on (YAML kinds ``play`` and ``say``)."""

    kind: ClassVar[str] = "say"
    waits: ClassVar[bool] = True

    parts: Parts
    barge_in: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Node):
    """What all nodes that ask for keys share: prompts, tries (wrong and silent together), waits in s."""

    waits: ClassVar[bool] = True
    asks: ClassVar[bool] = True

    parts: Parts
    on_silence: Parts = ()
    on_invalid: Parts = ()
    tries: int = 3
    wait_s: float = 6.0
    barge_in: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu(Input):
    """One key chooses the edge ``key:K``; or it puts its value `into` a variable and goes on to ``next``."""

    kind: ClassVar[str] = "menu"

    into: str = ""
    choices: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits(Input):
    """An entry of `least` to `most` keys into a variable, checked by a named rule of `ivr_flows.entries`.

    With `scale` the variable is a number: ``*`` is the decimal point and the value is multiplied (2*5 with
    1000 is 2500), and must lie in the variable's bounds.
    """

    kind: ClassVar[str] = "digits"

    into: str
    least: int
    most: int
    terminator: str = "#"
    gap_s: float = 4.0
    check: str = ""
    scale: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose(Input):
    """Read the rows of a variable, each with its key from 1 on; the chosen row goes `into` a row variable."""

    kind: ClassVar[str] = "choose"

    rows: str
    row_how: str
    into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey(Input):
    """One key from `low` to `high` into a variable of kind int."""

    kind: ClassVar[str] = "survey"

    into: str
    low: int = 1
    high: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Node):
    """Ask a back end; outcome edges, and ``failed`` and ``late`` for the bad days."""

    kind: ClassVar[str] = "lookup"
    waits: ClassVar[bool] = True

    operation: str
    args: Mapping[str, Operand]
    store: Mapping[str, str]  # variable ← field
    deadline_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback(Lookup):
    """Offer accepted: put the caller on the callback list of a queue (the operation ``callback_request``)."""

    kind: ClassVar[str] = "callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Node):
    """Record the caller; the reference goes into a text variable. Under `least_s` counts as ``empty``."""

    kind: ClassVar[str] = "record"
    waits: ClassVar[bool] = True

    parts: Parts
    into: str
    maximum_s: int = 60
    silence_s: int = 4
    least_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Set(Node):
    """Give variables new values, and the call its priority."""

    kind: ClassVar[str] = "set"

    values: Mapping[str, Operand]
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch(Node):
    """First case whose conditions all hold; edges ``case:0``, ``case:1`` … and ``else``."""

    kind: ClassVar[str] = "branch"

    cases: tuple[tuple[Condition, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goto(Node):
    """Go on elsewhere."""

    kind: ClassVar[str] = "goto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """Run another flow, then edge ``next`` when it returns."""

    kind: ClassVar[str] = "call"

    flow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(Node):
    """Back to the flow that called; hang up when none did."""

    kind: ClassVar[str] = "return"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTo(Node):
    """To a person: `queue` by name or from a variable, an `agent` first where the variable holds one."""

    kind: ClassVar[str] = "transfer"

    queue: Operand
    agent: Operand = ""
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup(Node):
    """The end."""

    kind: ClassVar[str] = "hangup"


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow file. `operator` is the node that key 0 leads to, from anywhere in the flow."""

    name: str
    title: str
    file: str
    start: Edge
    operator: Edge
    variables: Mapping[str, Variable]
    nodes: Mapping[str, Node]


BUILTIN: Mapping[str, Variable] = {
    "caller": Variable("caller", Kind.DIGITS, maximum=20),
    "did": Variable("did", Kind.DIGITS, maximum=20),
    "tier": Variable("tier", Kind.TEXT, maximum=32, publish=True),
    "priority": Variable("priority", Kind.INT, maximum=20),
}
"""Variables that every flow has without declaring them."""

ENDS = ("hangup", "transfer", "return")
