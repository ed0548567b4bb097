"""Bounds of settings, as annotations: the configuration refuses values outside of them and names the line.

Tested in tests/config/test_config_errors.py.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

_N = TypeVar("_N", int, float)

OVER_ZERO = "over 0"
OverZero = Annotated[_N, OVER_ZERO]
"""A finite number over 0."""

MOST_REQUESTS = 1_000_000
"""Requests of one load above which a typing error is more likely than a wish."""

MOST_SOAKED = 1_000_000_000
"""The same of a soak, which lasts for days."""
