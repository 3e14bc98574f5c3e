"""Proofs about flows before they meet a caller; every fault with file and line.

For each flow: every edge leads somewhere; every node is reachable and reaches an end; whatever asks or waits
has its timeout, invalid and hang-up edges; no way goes round without the caller's keys; variables, look-ups,
hours and spoken parts fit each other; every prompt is in the manifest and has a sound file of the right form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path

from ivr_flows import hours, loader, loader_kinds, model, prompts, units
from ivr_flows.check_values import value_faults
from ivr_flows.model import Fault, Flow, Node

Place = tuple[str, str]  # flow, node

# edges that are only taken because the caller pressed keys or spoke
_BY_CALLER = ("key:", "next", "invalid", "empty")


def check(
    folder: Path = loader.FLOWS,
    *,
    hours_file: Path = hours.FILE,
    prompt_folder: Path = prompts.FOLDER,
    only: Iterable[str] = (),
    queues: Set[str] | None = None,
) -> tuple[dict[str, Flow], list[Fault]]:
    """All flows of a folder, and the faults by file and line; `only` keeps those of some flows.

    With `queues` every queue that a flow names must be one of these.
    """
    flows, faults = loader.load_all(folder)
    calendars, more = hours.load(hours_file)
    manifest, wrong_prompts = prompts.load(prompt_folder)
    faults += [*more, *wrong_prompts]
    broken = {p.stem for p in folder.glob("*.yaml")} - set(flows)
    for flow in flows.values():
        faults += link_faults(flow, flows, broken)
        faults += value_faults(flow, flows, calendars, queues)
        faults += way_faults(flow, flows)
        faults += prompt_faults(flow, manifest)
    faults += loop_faults(flows)
    faults += unit_faults(manifest)
    wanted = set(only)
    if wanted:
        names = {flows[n].file for n in wanted if n in flows} | {str(folder / f"{n}.yaml") for n in wanted}
        faults = [f for f in faults if f.file in names]
    return flows, sorted(set(faults), key=lambda f: (f.file, f.line, f.code, f.text))


# --- links ---------------------------------------------------------------------------------------


def link_faults(flow: Flow, flows: Mapping[str, Flow], broken: Set[str] = frozenset()) -> Iterator[Fault]:
    """Edges that are missing or lead nowhere, calls of flows that are not there."""
    for edge, what in ((flow.start, "start"), (flow.operator, "operator")):
        if edge.target not in flow.nodes:
            yield Fault(flow.file, edge.line or 1, "target", f"'{what}' names no node: '{edge.target}'")
    for node in flow.nodes.values():
        for name, edge in node.edges.items():
            if edge.target not in flow.nodes:
                text = f"edge '{name}' of '{node.id}' leads to '{edge.target}', which is no node"
                yield Fault(flow.file, edge.line, "target", text)
        needed = loader_kinds.required_edges(node)
        if isinstance(node, model.Call):
            if node.flow not in flows and node.flow not in broken:
                yield Fault(
                    flow.file, node.line, "flow", f"'{node.id}' calls '{node.flow}', which is no flow"
                )
            needed = ("next",) if node.flow in flows and returns(flows[node.flow], flows) else ()
        for name in needed:
            if name not in node.edges:
                yield Fault(flow.file, node.line, "edge", f"'{node.id}' ({node.kind}) has no edge '{name}'")
    if not any(
        isinstance(n, model.Hangup | model.TransferTo | model.Return | model.Call)
        for n in flow.nodes.values()
    ):
        yield Fault(flow.file, 1, "end", "the flow has no end (hangup, transfer or return)")


def returns(flow: Flow, flows: Mapping[str, Flow], seen: frozenset[str] = frozenset()) -> bool:
    """Can a call of this flow come back?"""
    if flow.name in seen:
        return False
    seen = seen | {flow.name}
    return any(
        isinstance(flow.nodes[n], model.Return) for n in _reached(flow, flows, [flow.start.target], seen)
    )


def _next(node: Node, flow: Flow, flows: Mapping[str, Flow], seen: frozenset[str]) -> Iterator[str]:
    """Nodes of the same flow that can follow a node, key 0 to the operator included."""
    for name, edge in node.edges.items():
        back = not isinstance(node, model.Call) or name != "next"
        if edge.target in flow.nodes and (back or _comes_back(node, flows, seen)):
            yield edge.target
    if (node.asks or isinstance(node, model.Say)) and flow.operator.target in flow.nodes:
        yield flow.operator.target


def _comes_back(node: Node, flows: Mapping[str, Flow], seen: frozenset[str]) -> bool:
    return isinstance(node, model.Call) and node.flow in flows and returns(flows[node.flow], flows, seen)


def _reached(
    flow: Flow, flows: Mapping[str, Flow], starts: Iterable[str], seen: frozenset[str] = frozenset()
) -> set[str]:
    found: set[str] = set()
    todo = [s for s in starts if s in flow.nodes]
    while todo:
        node_id = todo.pop()
        if node_id not in found:
            found.add(node_id)
            todo += _next(flow.nodes[node_id], flow, flows, seen)
    return found


# --- ways ----------------------------------------------------------------------------------------


def way_faults(flow: Flow, flows: Mapping[str, Flow]) -> Iterator[Fault]:
    """Nodes that no call can reach, and nodes from which no end can be reached."""
    reached = _reached(flow, flows, [flow.start.target])
    for node in flow.nodes.values():
        if node.id not in reached:
            yield Fault(flow.file, node.line, "unreachable", f"no way leads to '{node.id}'")
    ends = {
        n.id for n in flow.nodes.values() if isinstance(n, model.Hangup | model.TransferTo | model.Return)
    }
    ends |= {n.id for n in flow.nodes.values() if isinstance(n, model.Call)}  # each flow is proved by itself
    before: dict[str, set[str]] = {}
    for node in flow.nodes.values():
        for target in _next(node, flow, flows, frozenset()):
            before.setdefault(target, set()).add(node.id)
    done, todo = set(ends), list(ends)
    while todo:
        for node_id in before.get(todo.pop(), set()) - done:
            done.add(node_id)
            todo.append(node_id)
    for node in flow.nodes.values():
        if node.id not in done:
            yield Fault(flow.file, node.line, "endless", f"no way leads from '{node.id}' to an end")


def loop_faults(flows: Mapping[str, Flow]) -> Iterator[Fault]:
    """Ways that go round without the caller's keys, across flows."""
    silent = _silent_returns(flows)
    graph: dict[Place, list[Place]] = {}
    for flow in flows.values():
        for node in flow.nodes.values():
            targets = [(flow.name, t) for t in _unasked(node) if t in flow.nodes]
            if isinstance(node, model.Call) and node.flow in flows:
                targets = [(node.flow, flows[node.flow].start.target)]
                if node.flow in silent and (edge := node.edges.get("next")) and edge.target in flow.nodes:
                    targets.append((flow.name, edge.target))
            graph[flow.name, node.id] = targets
    for circle in _circles(graph):
        # a bounded node stops the way round by itself
        if any(flows[f].nodes[n].visits for f, n in circle):
            continue
        flow = flows[circle[0][0]]
        first = min((p for p in circle if p[0] == flow.name), key=lambda p: flow.nodes[p[1]].line)
        names = " → ".join(n if f == flow.name else f"{f}.{n}" for f, n in (*circle, circle[0]))
        text = f"a loop without the caller's keys: {names}"
        yield Fault(flow.file, flow.nodes[first[1]].line, "loop", text)


def _unasked(node: Node) -> Iterator[str]:
    for name, edge in node.edges.items():
        by_caller = (node.asks and name.startswith(_BY_CALLER)) or name == "hangup"
        if not by_caller:
            yield edge.target


def _silent_returns(flows: Mapping[str, Flow]) -> set[str]:
    """Flows that can be run through from start to return without a key (found by growing the set)."""
    found: set[str] = set()
    while True:
        more = {f.name for f in flows.values() if f.name not in found and _runs_through(f, found)}
        if not more:
            return found
        found |= more


def _runs_through(flow: Flow, silent: Set[str]) -> bool:
    todo, seen = [flow.start.target], set()
    while todo:
        node = flow.nodes.get(todo.pop())
        if node is None or node.id in seen:
            continue
        seen.add(node.id)
        if isinstance(node, model.Return):
            return True
        if not isinstance(node, model.Call) or node.flow in silent:
            todo += _unasked(node)
    return False


def _circles(graph: Mapping[Place, list[Place]]) -> Iterator[list[Place]]:
    """One way round for each knot of the graph (depth first, without recursion)."""
    state: dict[Place, int] = {}
    for root in graph:
        if root in state:
            continue
        way: list[Place] = [root]
        branches = [iter(graph[root])]
        state[root] = 1
        while way:
            following = next(branches[-1], None)
            if following is None:
                state[way.pop()] = 2
                branches.pop()
            elif state.get(following) == 1:
                yield way[way.index(following) :]
            elif following in graph and following not in state:
                state[following] = 1
                way.append(following)
                branches.append(iter(graph[following]))


# --- prompts -------------------------------------------------------------------------------------


def spoken_parts(node: Node) -> Iterator[model.Part]:
    """Every part that a node can say."""
    yield from getattr(node, "parts", ())
    if isinstance(node, model.Input):
        yield from node.on_silence
        yield from node.on_invalid


def prompt_faults(flow: Flow, manifest: prompts.Manifest) -> Iterator[Fault]:
    """Prompts that are not in the manifest, or whose sound file is missing or of another format."""
    for node in flow.nodes.values():
        for part in spoken_parts(node):
            named = [part.id] if isinstance(part, model.PromptPart) else list(part.options.values())
            for prompt in named:
                fault = _prompt_fault(prompt, manifest)
                if fault:
                    yield Fault(flow.file, part.line, "prompt", f"'{node.id}' says '{prompt}': {fault}")


def unit_faults(manifest: prompts.Manifest) -> Iterator[Fault]:
    """Units that numbers, dates and states are read with, missing in the manifest or as a sound file."""
    for prompt in units.words():
        fault = _prompt_fault(prompt, manifest)
        if fault:
            entry = manifest.entries.get(prompt)
            yield Fault(manifest.file, entry.line if entry else 1, "prompt", f"unit '{prompt}': {fault}")


def _prompt_fault(prompt: str, manifest: prompts.Manifest) -> str:
    if prompt not in manifest.entries:
        return "not in the manifest"
    try:
        prompts.require_format(manifest.path(prompt))
    except ValueError as e:
        return str(e)
    return ""


def used_prompts(flows: Mapping[str, Flow]) -> set[str]:
    """Every prompt that a flow or a reading can say, and those of the dialplan."""
    named = set(units.words()) | prompts.DIALPLAN
    for flow in flows.values():
        for node in flow.nodes.values():
            for part in spoken_parts(node):
                named |= {part.id} if isinstance(part, model.PromptPart) else set(part.options.values())
    return named


def unlisted_faults(flows: Mapping[str, Flow], manifest: prompts.Manifest) -> Iterator[Fault]:
    """Prompts that are said somewhere and stand nowhere in the manifest."""
    for prompt in sorted(used_prompts(flows) - set(manifest.entries)):
        yield Fault(manifest.file, 1, "unlisted", f"'{prompt}' is used and not in the manifest")
