"""Endpoint, objective, JSON, replay, registry, errors: the small words."""

from __future__ import annotations

import contextlib
import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import errors
from harness.core.endpoint import Credentials, Endpoint, Secret, list_spellings, parse_url, redact_text
from harness.core.errors import ErrorClass, ProtocolError, UsageError
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.core.json_text import find_depth, parse_json
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_limit, parse_metric, parse_objective
from harness.core.registry import describe_unknown, list_plugins, load_plugin
from harness.core.replay import build_curl, shorten_body, show_exchange

KEY = "sk-0123456789"


def test_urls() -> None:
    assert parse_url("http://host:81/prefix/") == ("http://host:81/prefix", None)
    assert parse_url("https://[::1]:8443")[0] == "https://[::1]:8443"
    url, credentials = parse_url("http://user:p%40ss@host/")
    assert url == "http://host"
    assert credentials is not None
    assert credentials.username == "user"
    assert credentials.secret.value == "p@ss"
    assert credentials.build_headers() == (("Authorization", "Basic dXNlcjpwQHNz"),)


@pytest.mark.parametrize(
    "given_url",
    [
        "",
        "host",
        "ftp://h",
        "http://",
        "http://h:1x",
        "http://h:99999",
        "http://h/?key=1",
        "http://h/#a",
        "http://[::1",
    ],
)
def test_wrong_urls_say_what_to_give(given_url: str) -> None:
    with pytest.raises(UsageError, match="http"):
        parse_url(given_url)


def test_wrong_urls_do_not_show_a_password() -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(f"ftp://user:{KEY}@host/?token={KEY}")
    assert KEY not in str(caught.value)


def test_secrets_never_print() -> None:
    credentials = Credentials("bearer", Secret(KEY))
    endpoint = Endpoint("http://h", credentials=credentials, headers=(("X-Api-Key", "another-secret"),))
    for shown in (repr(endpoint), str(endpoint), f"{credentials}", repr(Secret(KEY)), str(Secret(KEY))):
        assert KEY not in shown
    hidden = endpoint.list_secrets()
    assert KEY in hidden
    assert "another-secret" in hidden
    assert redact_text(f"a {KEY} another-secret b", hidden) == "a *** *** b"


def test_redaction_takes_the_longest_first() -> None:
    assert redact_text("abcdef", ("abc", "abcdef")) == "***"


@given(st.text(min_size=4, max_size=30))
def test_spellings_cover_json_in_json(secret: str) -> None:
    found = tuple(list_spellings(secret))
    for shown in (secret, json.dumps(secret)[1:-1], json.dumps(json.dumps(secret)[1:-1])[1:-1]):
        assert redact_text(f"<<{shown}>>", found) == "<<***>>" or shown in ("", "*")


@pytest.mark.parametrize(
    ("given_limit", "read"),
    [
        ("<= 800ms", ("<=", 0.8, "s")),
        ("<2s", ("<=", 2.0, "s")),
        (">= 0.9", (">=", 0.9, "")),
        ("<= 1%", ("<=", 0.01, "")),
    ],
)
def test_limits(given_limit: str, read: tuple[str, float, str]) -> None:
    assert parse_limit(given_limit) == pytest.approx(read)


@pytest.mark.parametrize("given_limit", ["800ms", "<= 800 parsecs", "<= ", "== 3", "<= -1", "<= 1,5s"])
def test_wrong_limits(given_limit: str) -> None:
    with pytest.raises(UsageError, match="limit"):
        parse_limit(given_limit)


def test_metrics() -> None:
    assert parse_metric("ttft p99") == ("ttft", 0.99)
    assert parse_metric("latency p99.9")[1] == pytest.approx(0.999)
    assert parse_metric("error_rate") == ("error_rate", None)
    for wrong in ("", "latency p0", "latency 99", "Latency p9"):
        with pytest.raises(UsageError):
            parse_metric(wrong)


def test_objectives_by_profile() -> None:
    pr = parse_objective("smoke", "latency", "<= 1s", PROFILES["pr"])
    assert (pr.budget, pr.loosened, pr.cap, pr.slug) == (0.05, 0.1, 500, "latency-p95")
    strict = parse_objective("smoke", "ttft p99", "<= 1s", PROFILES["strict"])
    assert (strict.budget, strict.loosened) == (0.01, 0.01)
    rate = parse_objective("smoke", "error_rate", "<= 1%", PROFILES["release"], margin=3, name="few errors")
    assert (rate.budget, rate.loosened, rate.slug) == (0.01, 0.03, "few-errors")
    assert pr.text == "latency p95 <= 1 s"


@pytest.mark.parametrize(
    ("metric", "limit", "more"),
    [
        ("latency", ">= 1s", {}),
        ("latency", "<= 1", {}),
        ("latency", "<= 0s", {}),
        ("error_rate", "<= 1s", {}),
        ("error_rate p9", "<= 1%", {}),
        ("error_rate", "<= 100%", {}),
        ("accuracy", ">= 0.9", {}),
        ("latency", "<= 1s", {"level": "urgent"}),
        ("latency", "<= 1s", {"confidence": 1.0}),
        ("latency", "<= 1s", {"confidence": 0.2}),
        ("latency", "<= 1s", {"margin": 0.5}),
    ],
)
def test_objectives_that_cannot_be_judged(metric: str, limit: str, more: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        parse_objective("smoke", metric, limit, PROFILES["pr"], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"[1,]", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b"[" * 65 + b"]" * 65, b"1" * 5000]
)
def test_json_that_is_none(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_json(body)


def test_json_depth_is_linear_and_blind_to_strings() -> None:
    assert find_depth(b'{"a": "[[[[", "b": ["\\"[["]}') == 2
    assert find_depth(b"[" * 1_000_000) == 1_000_000
    assert find_depth(b'"' + b"[" * 100) == 0
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_json_is_what_the_standard_library_reads(value: object) -> None:
    body = json.dumps(value).encode()
    if find_depth(body) <= 64:
        assert parse_json(body) == value


@given(st.binary(max_size=60))
def test_json_raises_nothing_else(body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        parse_json(body)


def test_timing_counts_from_the_intended_send() -> None:
    timing = Timing(1.0, sent=1.5, first_byte=1.6, tokens=(2.0, 2.5, 2.75), done=3.0)
    assert timing.latency == 2.0
    assert timing.service_time == 1.5
    assert timing.ttft == 1.0
    assert timing.inter_token == (0.5, 0.25)
    never = Timing(1.0)
    assert never.latency is never.service_time is never.ttft is None


@pytest.mark.parametrize("body", ['{"a": "it\'s"}', '{"x": "$(reboot) `id` \\\\ \\n"}', "{'", '""'])
def test_curl_lines_are_safe_to_paste(body: str) -> None:
    endpoint = Endpoint("http://h:1/p", credentials=Credentials("bearer", Secret(KEY)))
    line = build_curl(Request("POST", "/v1", (("content-type", "application/json"),), body.encode()), endpoint)
    words = shlex.split(line)
    assert words[words.index("--data-raw") + 1] == body
    assert "http://h:1/p/v1" in words
    assert KEY not in line
    assert "Authorization: Bearer $AIHARNESS_API_KEY" in words


def test_shown_exchanges_are_redacted_and_capped() -> None:
    endpoint = Endpoint("http://h", credentials=Credentials("header", Secret(KEY), header="X-Api-Key"))
    response = Response(500, (("x-echo", KEY), ("set-cookie", "a=b")), f"{KEY} {'x' * 9000}".encode())
    example = show_exchange(
        Exchange(Request("POST", "/"), Timing(0.0), response, error=ErrorClass.STATUS), endpoint, f"saw {KEY}"
    )
    assert KEY not in str(example)
    assert example.response is not None
    assert example.response["headers"]["set-cookie"] == "***"
    assert "bytes in all" in example.response["body"]
    assert shorten_body(b"\xff") == "\ufffd"


def test_registry() -> None:
    assert list_plugins("suites") == ("adversarial", "chaos", "integration", "load", "smoke", "validation")
    assert "Did you mean 'smoke'" in describe_unknown("suite", "smok", list_plugins("suites"))
    with pytest.raises(UsageError, match="html"):
        load_plugin("reports", "htm")


def test_the_error_tree_is_the_one_that_is_drawn() -> None:
    assert errors.__doc__ is not None
    drawn = {line.split()[1] for line in errors.__doc__.splitlines() if line.strip()[:2] in ("* ", "+ ")}
    real = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.HarnessError)
    }
    assert drawn == real


def test_never_reached_is_before_the_service() -> None:
    before = {error for error in ErrorClass if error.is_before_contact}
    assert before == {
        ErrorClass.NAME,
        ErrorClass.CONNECT,
        ErrorClass.TLS,
        ErrorClass.PROXY,
        ErrorClass.CONNECT_TIMEOUT,
    }
