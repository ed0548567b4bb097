"""Parameters of generation that are out of their range or of another type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

STOPS = 5_000
"""Stop sequences in one request; most services take 4 to 16."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value, as JSON text, for an option; `odd`: a service may take it."""

    option: str
    raw: bytes
    odd: bool = False


LIMIT = "max_tokens"
PARAMETERS: Mapping[str, Parameter] = {
    "max_tokens_negative": Parameter(LIMIT, b"-1"),
    "max_tokens_zero": Parameter(LIMIT, b"0"),
    "max_tokens_fraction": Parameter(LIMIT, b"1.5"),
    "max_tokens_words": Parameter(LIMIT, b'"sixteen"'),
    "temperature_nan": Parameter("temperature", b"NaN"),
    "temperature_negative": Parameter("temperature", b"-1"),
    "temperature_99": Parameter("temperature", b"99", odd=True),
    "temperature_words": Parameter("temperature", b'"hot"'),
    "seed_words": Parameter("seed", b'"lucky"'),
    "n_zero": Parameter("n", b"0"),
    "stop_number": Parameter("stop", b"5"),
    "stop_thousands": Parameter("stop", json.dumps([f"aiharness {i}" for i in range(STOPS)]).encode(), odd=True),
}
"""Bad parameters by name, under OpenAI's names for the options; the largest request comes last."""
