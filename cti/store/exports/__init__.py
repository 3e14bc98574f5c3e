"""Exports in the columns of the imports: what was exported and is imported again changes nothing."""

from __future__ import annotations

from cti.store.exports.files import FORMATS, export_file
from cti.store.exports.tables import KINDS

__all__ = ["FORMATS", "KINDS", "export_file"]
