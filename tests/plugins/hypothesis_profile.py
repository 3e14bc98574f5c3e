"""Hypothesis for the whole suite: no time limit per example, because a busy machine is no fault of ours."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("laidian", deadline=None, print_blob=True)
settings.load_profile("laidian")
