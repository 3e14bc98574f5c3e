"""YAML with line numbers: mappings that remember where each key stands and collect faults instead of raising.

Plain `yaml.safe_load` forgets lines and lets a second key silently win over the first; operations people edit
these files, so every fault must name its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from ivr_flows.model import Fault

MAX_BYTES = 1_000_000


class Faults:
    """Collects the faults of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Fault] = []

    def add(self, line: int, code: str, text: str) -> None:
        """Note one fault."""
        self.found.append(Fault(self.file, line, code, text))


class Item:
    """A YAML node with its line: a scalar, a list or a mapping."""

    __slots__ = ("faults", "line", "node")

    def __init__(self, node: yaml.Node, faults: Faults, line: int | None = None) -> None:
        self.node = node
        self.faults = faults
        self.line = line or node.start_mark.line + 1

    @property
    def is_map(self) -> bool:
        """Is it a mapping?"""
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Is it a list?"""
        return isinstance(self.node, yaml.SequenceNode)

    def scalar(self) -> Any:
        """The plain value of a scalar (str, int, float, bool, None); a fault and None for anything else."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.faults.add(self.line, "shape", "a single value is expected here")
            return None
        loader = yaml.SafeLoader("")
        try:
            value = loader.construct_object(self.node)
        except (yaml.YAMLError, ValueError):
            value = self.node.value
        finally:
            loader.dispose()
        # 0755 without quotes is an octal number to YAML and a 区号 to people
        if isinstance(value, int) and not isinstance(value, bool) and str(value) != self.node.value:
            return str(self.node.value)
        return value

    def text(self) -> str:
        """A scalar as text; numbers as they are written."""
        value = self.scalar()
        if value is None:
            return ""
        return str(self.node.value) if not isinstance(value, str) else value

    def items(self) -> list[Item]:
        """The members of a list; a single value counts as a list of one."""
        if isinstance(self.node, yaml.SequenceNode):
            return [Item(n, self.faults) for n in self.node.value]
        return [self]

    def map(self) -> Map:
        """This item as a mapping (an empty one with a fault if it is none)."""
        return Map(self)


class Map:
    """A mapping whose keys are taken one by one; what nobody took is a fault."""

    def __init__(self, item: Item) -> None:
        self.line = item.line
        self.faults = item.faults
        self._items: dict[str, Item] = {}
        self._taken: set[str] = set()
        node = item.node
        if not isinstance(node, yaml.MappingNode):
            self.faults.add(self.line, "shape", "a mapping (key: value) is expected here")
            return
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = str(key_node.value)
            if key in self._items:
                self.faults.add(line, "twice", f"'{key}' stands here twice")
                continue
            self._items[key] = Item(value_node, self.faults, line)

    def __contains__(self, key: str) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[tuple[str, Item]]:
        self._taken.update(self._items)
        return iter(self._items.items())

    def take(self, key: str) -> Item | None:
        """The item under `key`, or None."""
        self._taken.add(key)
        return self._items.get(key)

    def need(self, key: str, of: str) -> Item | None:
        """The item under `key`; its absence is a fault."""
        item = self.take(key)
        if item is None:
            self.faults.add(self.line, "missing", f"{of} needs '{key}'")
        return item

    def text(self, key: str, default: str = "") -> str:
        """A text, or the default."""
        item = self.take(key)
        return default if item is None else item.text()

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number within bounds, or the default; out of bounds is a fault."""
        item = self.take(key)
        if item is None:
            return default
        value = item.scalar()
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.faults.add(item.line, "number", f"'{key}' must be a number from {low:g} to {high:g}")
            return default
        return value

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds, or the default."""
        value = self.number(key, default, low, high)
        if value != int(value):
            self.faults.add(self.line, "number", f"'{key}' must be a whole number")
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        item = self.take(key)
        if item is None:
            return default
        value = item.scalar()
        if not isinstance(value, bool):
            self.faults.add(item.line, "flag", f"'{key}' must be true or false")
            return default
        return value

    def done(self, of: str) -> None:
        """Report every key that nobody took."""
        for key, item in self._items.items():
            if key not in self._taken:
                self.faults.add(item.line, "unknown", f"{of} knows no '{key}'")


def parse(text: str, faults: Faults) -> Map | None:
    """The top mapping of a YAML text; None with a fault when it is not YAML."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        faults.add(1, "size", f"the file is larger than {MAX_BYTES} bytes")
        return None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark
        faults.add(mark.line + 1 if mark else 1, "yaml", f"not valid YAML: {e.problem}")
        return None
    except (yaml.YAMLError, RecursionError) as e:
        faults.add(1, "yaml", f"not valid YAML: {e.__class__.__name__}")
        return None
    if node is None:
        faults.add(1, "empty", "the file is empty")
        return None
    return Item(node, faults).map()
