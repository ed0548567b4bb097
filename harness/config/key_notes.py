"""What single keys of the configuration take: units, examples, what is written for another key, where secrets stand.

Tested in tests/config/test_value_forms.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence

from harness.core.registry import describe_unknown

_SECONDS = (
    "connect", "first_byte", "inter_token", "total", "duration", "warm_up", "baseline", "recovery", "max_time",
    "wait_ready", "pause", "refresh", "latency_ceiling", "window", "at", "idle",
)  # fmt: skip
UNITS = {**dict.fromkeys(_SECONDS, "seconds"), "rate": "requests/s", "certificate_days": "days"}
"""The units of keys that hold a number."""

EXAMPLES = {
    "suite": "smoke",
    "suites": "smoke",
    "metric": "latency p95",
    "limit": "<= 800ms",
    "level": "warn",
    "url": "http://127.0.0.1:8000",
    "model": "NAME",
    "api": "http://127.0.0.1:8474",
    "link": "NAME",
    "at": "10",
    "kind": "latency",
    "eps": "0.1",
    "env": "MY_API_KEY",
    "file": "data.csv",
    "path": "/predict",
    "seed": "1",
    "processes": "1",
    "rate": "10",
    "duration": "30",
    "target_rate": "20",
}
"""A value that each key could have."""

EMPTY_ALLOWED = ("prefix", "username", "name")
"""Keys whose text may be empty."""

_NO_SECRET = 'credentials = { env = "MY_API_KEY" }: the name of the variable that holds the secret, never the secret'

SECRET_PLACES = (
    ("endpoint", "credentials"),
    ("endpoint", "other_credentials"),
    ("endpoint", "headers"),
    ("endpoint", "query"),
    ("endpoint", "proxy"),
    ("endpoint", "api_key"),
    ("judge", "credentials"),
    ("evaluation", "embeddings", "credentials"),
)
"""Where a text may be a secret, which no message shows."""

_NOTES: Mapping[tuple[str, ...], str] = {
    ("objective",): "[[objective]], with two pairs of brackets, above each objective",
    ("fault",): "[[fault]], with two pairs of brackets, above each fault",
    ("experiment",): "[[experiment]], with two pairs of brackets, above each experiment",
    ("experiment", "fault"): "[[experiment.fault]], with two pairs of brackets, above each fault of the experiment",
    ("experiment", "objective"): "[[experiment.objective]], with two pairs of brackets, above each of its objectives",
    ("experiment", "stop"): 'stop = ["error_rate > 50 % for 5s"]',
    ("experiment", "fault", "ramp"): "ramp = { attributes = { latency = 2000 }, steps = 5 }",
    ("experiment", "fault", "attributes"): "attributes = { latency = 2000 }",
    ("objective", "limit"): 'a direction, a number and a unit, as limit = "<= 800ms" or limit = "<= 1%"',
    ("endpoint", "credentials"): _NO_SECRET,
    ("endpoint", "other_credentials"): _NO_SECRET.replace("credentials", "other_credentials"),
    ("endpoint", "deadlines"): "deadlines = { total = 60 }, in seconds",
    ("endpoint", "tls"): 'tls = { ca_file = "ca.pem" }',
    ("endpoint", "headers"): 'headers = { X-Team = "search" }',
    ("endpoint", "query"): 'query = { version = "2" }',
    ("endpoint", "template"): '[endpoint.template] with path = "/predict" and body = \'{"input": {{input}}}\'',
    ("endpoint", "template", "body"): "the body's JSON as a text in single quotes: body = '{\"input\": {{input}}}'",
    ("endpoint", "credentials", "command"): 'the program and its arguments, as command = ["vault", "read", "…"]',
    ("endpoint", "options"): "options = { max_tokens = 64 }",
    ("load", "input_tokens"): "input_tokens = { mean = 200 }",
    ("load", "output_tokens"): "output_tokens = { mean = 200 }",
    ("load", "session_turns"): "session_turns = { min = 2, max = 6 }",
    ("load", "think"): "think = { mean = 2 }",
    ("load", "shared_prefix"): "shared_prefix = { tokens = 500, share = 0.8, count = 4 }",
    ("data", "shape"): "the lengths as a list of whole numbers, as shape = [28, 28]",
    ("judge", "credentials"): _NO_SECRET,
    ("evaluation", "embeddings"): "[evaluation.embeddings] with url and model",
    ("evaluation", "options"): "options = { max_tokens = 512 }",
    ("links", "*"): '[links.NAME] with api = "http://127.0.0.1:8474"',
    ("suite", "*"): '[suite.NAME] with model = "…" or protocol = "…"',
    ("profile", "*"): '[profile.NAME] above its keys, and profile = "NAME" under [run]',
    ("fault", "attributes"): "attributes = { latency = 2000 }",
}
"""What to write for keys whose right form does not follow from their type."""

_MEANT = {
    "timeout": "the deadlines are [endpoint.deadlines] total, connect, first_byte and inter_token, in seconds",
    **dict.fromkeys(("host", "base_url", "uri", "address", "endpoint"), "the address is url under [endpoint]"),
    **dict.fromkeys(("rps", "qps", "requests_per_second"), "the rate of a load is rate under [load], in requests/s"),
    **dict.fromkeys(("users", "vus", "threads"), "the most requests in flight are concurrency under [load]"),
    **dict.fromkeys(
        ("ramp", "ramp_up", "stages", "spawn_rate"),
        'a rate that changes is shape = "ramp" under [load], from from_rate to rate (also steps, spike, stress)',
    ),
    **dict.fromkeys(("max", "threshold", "value", "bound"), 'the bound is limit, like "<= 800ms"'),
    **dict.fromkeys(("percentile", "quantile", "p95", "p99"), 'the percentile stands in metric, like "latency p95"'),
    **dict.fromkeys(("objectives", "slo", "slos"), "write [[objective]] above each objective"),
    **dict.fromkeys(("faults", "toxic", "toxics"), "write [[fault]] above each fault"),
    **dict.fromkeys(("experiments", "scenario", "timeline"), "write [[experiment]] above each experiment"),
    **dict.fromkeys(("body", "route"), "they are path and body under [endpoint.template]"),
    **dict.fromkeys(("verify", "insecure", "ssl_verify"), 'a private CA is [endpoint.tls] ca_file = "ca.pem"'),
}
"""Keys of other tools, and what they are here."""

_FAULT_ATTRIBUTES = ("latency", "jitter", "rate", "timeout", "delay", "bytes", "after", "value")
_SECRET_KEYS = ("key", "api_key", "apikey", "token", "secret", "password", "bearer", "value", "auth", "api_token")


def find_note(keys: Sequence[str | int]) -> str:
    """What to write for this key; empty where its type says it."""
    names = tuple(key for key in keys if isinstance(key, str))
    if len(names) == 2 and names[0] in ("links", "suite", "profile"):
        names = (names[0], "*")
    return _NOTES.get(names, "")


def describe_unknown_key(
    key: str, table: Sequence[str | int], known: Collection[str], sections: Mapping[str, Collection[str]]
) -> str:
    """A message about a key that its table does not have. `sections` are the keys of every section of the file."""
    names = tuple(name for name in table if isinstance(name, str))
    message = describe_unknown("key", key, known)
    for repeated in ("objective", "fault", "experiment"):
        if not names and message.endswith(f"Did you mean '{repeated}'?"):
            return f"{message} Write [[{repeated}]] above each"
    if names[-1:] == ("fault",) and key in _FAULT_ATTRIBUTES:
        return f"{message}. What the fault does stands in attributes = {{ {key} = 2000 }}"
    if names[:1] == ("endpoint",) and key.lower() in _SECRET_KEYS:
        return f"unknown key {key!r}; write {_NO_SECRET}"
    if difflib.get_close_matches(key, known, n=1):
        return message
    owners = [f"[{section}]" for section, keys in sections.items() if key in keys and (section,) != names]
    if owners:
        return f"{message}. {key} is a key of {' and '.join(owners)}: write it under that line"
    if key.lower() in _MEANT:
        return f"{message}. {_capitalise(_MEANT[key.lower()])}"
    return message


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def describe_missing(key: str) -> str:
    """A message about a key that a table must have."""
    example = EXAMPLES.get(key, "…")
    quoted = example if example.replace(".", "").isdigit() else f'"{example}"'
    return f"{key} is missing: write {key} = {quoted} under this line"
