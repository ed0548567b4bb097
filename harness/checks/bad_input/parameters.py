"""Parameters of generation with a value out of range, or of another type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

_STOPS = json.dumps([*map("aiharness {}".format, range(5_000))]).encode()
"""Thousands of stop sequences in one request; most services take 4 to 16."""


@dataclass(frozen=True, slots=True)
class BadParameter:
    """A value, as JSON text, for an option. `may_accept`: a service may accept it."""

    option: str
    raw: bytes
    may_accept: bool = False


LIMIT_OPTION = "max_tokens"
BAD_PARAMETERS: Mapping[str, BadParameter] = {
    "max_tokens_negative": BadParameter(LIMIT_OPTION, b"-1"),
    "max_tokens_zero": BadParameter(LIMIT_OPTION, b"0"),
    "max_tokens_fraction": BadParameter(LIMIT_OPTION, b"1.5"),
    "max_tokens_words": BadParameter(LIMIT_OPTION, b'"sixteen"'),
    "temperature_nan": BadParameter("temperature", b"NaN"),
    "temperature_negative": BadParameter("temperature", b"-1"),
    "temperature_99": BadParameter("temperature", b"99", may_accept=True),
    "temperature_words": BadParameter("temperature", b'"hot"'),
    "seed_words": BadParameter("seed", b'"lucky"'),
    "n_zero": BadParameter("n", b"0"),
    "stop_number": BadParameter("stop", b"5"),
    "stop_thousands": BadParameter("stop", _STOPS, may_accept=True),
}
"""Bad parameters by name, with OpenAI's names for the options; the largest request comes last."""
