"""Parameters of generation with a value out of range, or of another type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_STOPS = json.dumps([*map("aiharness {}".format, range(5_000))]).encode()
"""Thousands of stop sequences in one request; most services take 4 to 16."""
_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
_NOWHERE = {"type": "object", "properties": {"a": {"$ref": "#/$defs/nowhere"}}, "required": ["a"]}
_NO_PATTERN = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(["}}, "required": ["a"]}


@dataclass(frozen=True, slots=True)
class BadParameter:
    """A value, as JSON text, for an option. `may_accept`: a service may accept it. `beside`: options it needs."""

    option: str
    raw: bytes
    may_accept: bool = False
    beside: Mapping[str, Any] = field(default_factory=dict)


def _pass_schema(option: str, value: Any, **beside: Any) -> BadParameter:
    """A value of the right type that the engine, not the schema, has to refuse; many services ignore the option."""
    return BadParameter(option, json.dumps(value).encode(), may_accept=True, beside=beside)


def _make_form(schema: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "aiharness", "schema": schema}}


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
    "logit_bias_beyond_vocabulary": _pass_schema("logit_bias", {"999999": 5}),
    "logit_bias_far_beyond_vocabulary": _pass_schema("logit_bias", {"2147483647": -100}),
    "logit_bias_negative_token": _pass_schema("logit_bias", {"-1": 5}),
    "logit_bias_huge": _pass_schema("logit_bias", {"1": 1e308}),
    "stop_token_beyond_vocabulary": _pass_schema("stop_token_ids", [999_999, -1]),
    "allowed_token_beyond_vocabulary": _pass_schema("allowed_token_ids", [999_999]),
    "top_logprobs_huge": _pass_schema("top_logprobs", 1_000_000, logprobs=True),
    "prompt_logprobs_huge": _pass_schema("prompt_logprobs", 1_000_000),
    "min_tokens_over_max_tokens": _pass_schema("min_tokens", 1_000_000),
    "temperature_tiny": _pass_schema("temperature", 1e-320),
    "temperature_huge": _pass_schema("temperature", 1e308),
    "top_p_zero": _pass_schema("top_p", 0.0, temperature=1),
    "top_p_negative": BadParameter("top_p", b"-0.5", may_accept=True, beside={"temperature": 1}),
    "top_k_negative": _pass_schema("top_k", -2_147_483_648, temperature=1),
    "presence_penalty_huge": _pass_schema("presence_penalty", 1e308),
    "frequency_penalty_huge": _pass_schema("frequency_penalty", -1e308),
    "repetition_penalty_zero": _pass_schema("repetition_penalty", 0.0),
    "stop_empty": _pass_schema("stop", [""]),
    "stop_odd": _pass_schema("stop", ["\0", "\ud800", "\ufffd", "e\u0301"]),
    "seed_beyond_int64": _pass_schema("seed", 2**63),
    "seed_below_int64": _pass_schema("seed", -(2**63) - 1),
    "tool_choice_unknown": _pass_schema(
        "tool_choice", {"type": "function", "function": {"name": "aiharness_no_such_tool"}}, tools=[_TOOL]
    ),
    "pattern_that_does_not_compile": _pass_schema("response_format", _make_form(_NO_PATTERN)),
    "schema_with_dangling_reference": _pass_schema("response_format", _make_form(_NOWHERE)),
    "regex_that_does_not_compile": _pass_schema("guided_regex", "(["),
    "grammar_that_does_not_compile": _pass_schema("grammar", 'root ::= ( "a" |'),
    "n_huge": _pass_schema("n", 1000, max_tokens=1),
    "stop_thousands": BadParameter("stop", _STOPS, may_accept=True),
}
"""Bad parameters by name, with OpenAI's and vLLM's names for the options; the largest request comes last."""
ENGINE_PARAMETERS = tuple(filter(lambda name: BAD_PARAMETERS[name].may_accept, BAD_PARAMETERS))
"""Those that pass most schemas, so that the engine meets them, perhaps with others in one batch."""
CERTAIN_PARAMETERS = tuple(filter(lambda name: not BAD_PARAMETERS[name].may_accept, BAD_PARAMETERS))
"""Those that no service may accept."""
