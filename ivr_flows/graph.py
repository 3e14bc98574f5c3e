"""A flow as a picture: Mermaid text, or SVG drawn in layers from the start node down.

Layers are found by breadth from the start, edges are drawn as curves with their name; that is enough to read
a flow of thirty nodes, and needs no program beside this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ivr_flows import model
from ivr_flows.model import Flow, Node

_SHAPES = {
    "menu": ("{{", "}}"),
    "digits": ("[/", "/]"),
    "choose": ("{{", "}}"),
    "survey": ("{{", "}}"),
    "lookup": ("[(", ")]"),
    "callback": ("[(", ")]"),
    "branch": ("{", "}"),
    "call": ("[[", "]]"),
    "transfer": ("([", "])"),
    "hangup": ("([", "])"),
    "return": ("([", "])"),
}
_COLOURS = {
    "menu": "#e3f2fd",
    "digits": "#e3f2fd",
    "choose": "#e3f2fd",
    "survey": "#e3f2fd",
    "lookup": "#fff3e0",
    "callback": "#fff3e0",
    "record": "#f3e5f5",
    "branch": "#f1f8e9",
    "call": "#ede7f6",
    "transfer": "#c8e6c9",
    "hangup": "#eeeeee",
    "return": "#eeeeee",
}
_FALLBACKS = frozenset({"timeout", "invalid", "failed", "late", "too_often"})
_ENDS = ("call", "transfer", "return", "hangup")
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 150, 44, 28, 62, 24


def edges(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """(from, to, label) of every edge; edges between the same two nodes are one, with all labels."""
    for node in flow.nodes.values():
        together: dict[str, list[str]] = {}
        for name, edge in node.edges.items():
            if name == "hangup":
                continue  # every node has it; drawn, it would hide all others
            label = name.removeprefix("key:").removeprefix("outcome:").replace("case:", "case ")
            together.setdefault(edge.target, []).append("" if label == "next" else label)
        for target, labels in together.items():
            yield node.id, target, " ".join(sorted(filter(None, labels)))


def _label(node: Node) -> str:
    if isinstance(node, model.Lookup):
        return f"{node.kind} {node.operation}"
    if isinstance(node, model.Call):
        return f"call {node.flow}"
    if isinstance(node, model.TransferTo):
        queue = node.queue
        return f"transfer {'$' + queue.var if isinstance(queue, model.Ref) else queue}"
    return node.kind


def mermaid(flow: Flow) -> str:
    """The flow as a Mermaid flowchart; ids get a prefix, because words such as ``end`` are Mermaid's own."""
    lines = ["flowchart TD", f"  start((({_plain(flow.title)}))) --> n_{flow.start.target}"]
    for node in flow.nodes.values():
        left, right = _SHAPES.get(node.kind, ("[", "]"))
        lines.append(f'  n_{node.id}{left}"{node.id}<br/>{_plain(_label(node))}"{right}')
    for source, target, label in edges(flow):
        arrow = f'-- "{_plain(label)}" -->' if label else "-->"
        lines.append(f"  n_{source} {arrow} n_{target}")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isalnum() or c in " _$*#.:-").replace("#", "#35;")


def _layers(flow: Flow) -> list[list[str]]:
    following: dict[str, list[str]] = {}
    for source, target, _ in edges(flow):
        following.setdefault(source, []).append(target)
    depth: dict[str, int] = {}
    level, current = [flow.start.target], 0
    while level:
        depth |= dict.fromkeys(level, current)
        level = list(dict.fromkeys(t for n in level for t in following.get(n, []) if t not in depth))
        current += 1
    rest = [n for n in flow.nodes if n not in depth]
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    ends: list[str] = []
    for node_id, node in flow.nodes.items():
        if node.kind in _ENDS and "next" not in node.edges:
            ends.append(node_id)  # all ends in the last row, whatever leads there first
        elif node_id in depth:
            layers[depth[node_id]].append(node_id)
    return [*filter(None, layers), ends + [n for n in rest if n not in ends]]


def svg(flow: Flow) -> str:
    """The flow as an SVG document; ways taken only when something fails are dashed and unnamed."""
    layers = _layers(flow)
    widest = max(len(layer) for layer in layers)
    width = 2 * _MARGIN + widest * _WIDTH + (widest - 1) * _GAP_X
    height = 2 * _MARGIN + 30 + len(layers) * _HEIGHT + (len(layers) - 1) * _GAP_Y
    at: dict[str, tuple[float, float]] = {}
    for row, layer in enumerate(layers):
        left = (width - len(layer) * _WIDTH - (len(layer) - 1) * _GAP_X) / 2
        for column, node_id in enumerate(layer):
            at[node_id] = (left + column * (_WIDTH + _GAP_X), _MARGIN + 30 + row * (_HEIGHT + _GAP_Y))
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#666"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{_MARGIN}" y="{_MARGIN + 4}" font-size="16">'
        f"{escape(f'{flow.title} ({flow.name})')}</text>",
    ]
    for source, target, label in edges(flow):
        if source in at and target in at:
            out += _svg_edge(at[source], at[target], label)
    out.append(
        f'<text x="{_MARGIN}" y="{_MARGIN + 22}" fill="#999">'
        "虚线：超时、输入有误、查询失败；任何时候按 0 转人工；挂机的去向未画出</text>"
    )
    for node_id, (x, y) in at.items():
        node = flow.nodes[node_id]
        fill = _COLOURS.get(node.kind, "#ffffff")
        bold = ' stroke-width="2.5"' if node_id == flow.start.target else ""
        out.append(
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="{fill}" '
            f'stroke="#555"{bold}/>'
            f'<text x="{x + _WIDTH / 2}" y="{y + 18}" text-anchor="middle">{escape(node_id)}</text>'
            f'<text x="{x + _WIDTH / 2}" y="{y + 34}" text-anchor="middle" fill="#555" font-size="10">'
            f"{escape(_label(node))}</text>"
        )
    out.append("</svg>")
    return "\n".join(out) + "\n"


def _svg_edge(start: tuple[float, float], end: tuple[float, float], label: str) -> list[str]:
    x1, y1 = start[0] + _WIDTH / 2, start[1] + _HEIGHT
    x2, y2 = end[0] + _WIDTH / 2, end[1]
    if y2 <= y1:  # back or sideways: round the right-hand side
        x1, y1, x2, y2 = start[0] + _WIDTH, start[1] + _HEIGHT / 2, end[0] + _WIDTH, end[1] + _HEIGHT / 2
        bow = max(x1, x2) + 30
        path = f"M{x1} {y1}C{bow} {y1} {bow} {y2} {x2} {y2}"
    else:
        middle = (y1 + y2) / 2
        path = f"M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2}"
    if label and set(label.split()) <= _FALLBACKS:
        dashed = 'stroke="#ccc" stroke-dasharray="4 4"'
        return [f'<path d="{path}" fill="none" {dashed} marker-end="url(#tip)"/>']
    drawn = f'<path d="{path}" fill="none" stroke="#777" marker-end="url(#tip)"/>'
    if not label:
        return [drawn]
    words = " ".join(w for w in label.split(" ") if w not in _FALLBACKS)
    # near the head of the arrow, where ways from one node have parted
    x, y = (x2 + 6, y2 - 10) if y2 > y1 else (x2 + 10, y2 - 5)
    halo = 'stroke="#fff" stroke-width="3" paint-order="stroke"'
    text = f'<text x="{x}" y="{y}" fill="#b71c1c" font-size="11" {halo}>{escape(words)}</text>'
    return [drawn, text]
