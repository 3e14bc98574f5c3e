"""Imports of customers and waybills from CSV and XLSX (``laidian import``)."""

from __future__ import annotations

from cti.store.imports.record import Fault
from cti.store.imports.run import KINDS, Options, Report, import_file

__all__ = ["KINDS", "Fault", "Options", "Report", "import_file"]
