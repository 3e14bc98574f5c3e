"""Search terms of Chinese names: single characters and pairs, the same on both databases.

A word splitter would have to know every name; PostgreSQL's trigrams and SQLite's trigram tokenizer both
miss words of two characters, which most Chinese searches are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import pairwise

MAX_CHARS = 120


def folded(text: str) -> str:
    """Letters, digits and Chinese characters only, in one width and case."""
    plain = unicodedata.normalize("NFKC", text[: MAX_CHARS * 2]).lower()
    return "".join(c for c in plain if c.isalnum())[:MAX_CHARS]


def index_terms(texts: Iterable[str]) -> list[str]:
    """What a row is found by: every character and every pair of neighbours of each text."""
    terms: set[str] = set()
    for text in texts:
        chars = folded(text)
        terms.update(chars)
        terms.update(a + b for a, b in pairwise(chars))
    return sorted(terms)


def query_terms(text: str) -> list[str]:
    """What all must be present for a row to hold `text`: its pairs, or its only character."""
    chars = folded(text)
    if len(chars) == 1:
        return [chars]
    return sorted({a + b for a, b in pairwise(chars)})
