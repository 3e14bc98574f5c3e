"""Required words beside heard words, with what does not sound alike marked. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cti.quality.sound import normalise, readings

LONGEST = 120  # characters; more is not a comparison any more
_GAP_HEARD = re.compile(r"停顿 (\d+(?:\.\d+)?) s")
_GAP_DUE = re.compile(r"要求 (\d+(?:\.\d+)?) s–(\d+(?:\.\d+)?) s")


@dataclass(frozen=True, slots=True)
class Part:
    """Some characters of one side; `same`: the other side has the same sounds there."""

    text: str
    same: bool


def compare(due: str, heard: str) -> tuple[tuple[Part, ...], tuple[Part, ...]] | None:
    """Both sides in parts, aligned by toneless syllables; None where there is nothing to compare."""
    a, b = normalise(due), normalise(heard)
    if not a or not b or len(a) > LONGEST or len(b) > LONGEST:
        return None
    left, right = _aligned(a, b)
    return _parts(a, left), _parts(b, right)


def _alike(x: str, y: str) -> bool:
    return x == y or bool(set(readings(x)) & set(readings(y)))


def _aligned(a: str, b: str) -> tuple[list[bool], list[bool]]:
    """Longest common sequence by sound: which characters of each side are in it."""
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            if _alike(a[i], b[j]):
                rows[i][j] = rows[i + 1][j + 1] + 1
            else:
                rows[i][j] = max(rows[i + 1][j], rows[i][j + 1])
    left, right = [False] * len(a), [False] * len(b)
    i = j = 0
    while i < len(a) and j < len(b):
        if _alike(a[i], b[j]) and rows[i][j] == rows[i + 1][j + 1] + 1:
            left[i] = right[j] = True
            i, j = i + 1, j + 1
        elif rows[i + 1][j] >= rows[i][j + 1]:
            i += 1
        else:
            j += 1
    return left, right


def _parts(text: str, same: Sequence[bool]) -> tuple[Part, ...]:
    out: list[Part] = []
    for char, is_same in zip(text, same, strict=True):
        if out and out[-1].same == is_same:
            out[-1] = Part(out[-1].text + char, is_same)
        else:
            out.append(Part(char, is_same))
    return tuple(out)


def pause_of(heard: str, due: str) -> tuple[int, int, int] | None:
    """Measured, least and most milliseconds of a GAP's evidence."""
    measured, wanted = _GAP_HEARD.search(heard), _GAP_DUE.search(due)
    if measured is None or wanted is None:
        return None
    least, most = (round(float(x) * 1000) for x in wanted.groups())
    return round(float(measured[1]) * 1000), least, most
