"""JSON from a hostile peer, the registry with outside plug-ins, the tree of errors, and what may be pickled."""

from __future__ import annotations

import json
import types
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import suite
from harness.core import errors, registry
from harness.core.errors import ConfigError, HarnessError, ProtocolError, UsageError
from harness.core.exchange import Answer, Exchange, Query, Request, Response, Timing, Usage
from harness.core.json_text import MAX_DEPTH, find_depth, parse_json
from harness.core.verdict import Status, find_worst_status

SUITES = ("smoke", "integration", "validation", "adversarial", "load", "chaos")
PIECES = st.sampled_from(
    [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        '"',
        "\\",
        '"a"',
        "1",
        "-0.5e3",
        "true",
        "null",
        " ",
        "\\u0041",
        '"\\ud800"',
        "é",
        "NaN",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_is_accepted_is_what_the_standard_library_reads(text: str) -> None:
    try:
        found = parse_json(text.encode())
    except ProtocolError:
        return
    assert found == json.loads(text)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_is_refused_is_no_json_or_has_bare_constants(text: str) -> None:
    try:
        json.loads(text, parse_constant=lambda name: pytest.fail("a constant"))
    except (ValueError, RecursionError, pytest.fail.Exception):
        with pytest.raises(ProtocolError):
            parse_json(text.encode())
    else:
        parse_json(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 10**6,
        b"]" * 10**6 + b"[" * 10**6,
        b'{"a":' * 10**6,
        b'"' * 10**6,
        b'"' + b"\\" * 10**6,
        b'["' + b"\\" * (10**6 + 1) + b'"]',
        b'[["' + b"[" * 10**6,
        (b'"' + b"[" * 50) * 10**4,
    ],
    ids=range(8),
)
def test_a_megabyte_of_brackets_quotes_or_backslashes_is_refused_without_a_crash(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_json(text)


def test_the_deepest_text_that_is_read() -> None:
    assert find_depth(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) == MAX_DEPTH
    parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(ProtocolError, match=f"{MAX_DEPTH + 1} levels deep"):
        parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    wide = b"[" + b"[1]," * 10_000 + b"[1]]"
    assert find_depth(wide) == 2
    assert len(parse_json(wide)) == 10_001


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "not JSON"),
        (b"[1, NaN]", "bare NaN"),
        (b"-Infinity", "bare -Infinity"),
        (b'"\xff"', "not UTF-8"),
        ("[1]".encode("utf-16"), "not UTF-8"),
        (b"<html>", "at character 0"),
    ],
)
def test_the_refusal_says_why(body: bytes, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        parse_json(body)


def test_suites_of_outside_packages_are_found_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = EntryPoint("theirs", "harness.suites.smoke", "harness.suites")
    monkeypatch.setattr(registry, "entry_points", lambda group: [outside] if group == outside.group else [])
    assert set(registry.list_plugins("suites")) == {*SUITES, "theirs"}
    assert [stem for _, stem in suite.list_modules("theirs")] == [stem for _, stem in suite.list_modules("smoke")]
    with pytest.raises(UsageError, match="Did you mean 'theirs'"):
        suite.list_modules("thiers")


def test_a_packaged_function_without_a_declaration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("harness.suites.bare.test_bare")
    exec("def test_bare(): pass", vars(module))
    monkeypatch.setattr(suite, "list_modules", lambda name: [("bare", "test_bare")])
    monkeypatch.setattr("importlib.import_module", lambda name: module)
    with pytest.raises(UsageError, match="declares no @check"):
        list(suite.list_checks("bare"))


def test_the_error_tree_hangs_as_it_is_drawn() -> None:
    assert errors.__doc__ is not None
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        if line.strip()[:2] in ("* ", "+ "):
            level, name = (len(line) - len(line.lstrip()) - 4) // 2, line.split()[1]
            above[level:] = [name]
            drawn[name] = above[level - 1] if level else "Exception"
    real = {
        name: value.__base__.__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, HarnessError) and value.__base__
    }
    assert drawn == real


def test_an_error_names_place_key_and_message() -> None:
    found = ConfigError("is wrong", where="a.toml:3", key="endpoint.url")
    assert (str(found), found.where, found.key) == ("a.toml:3: endpoint.url: is wrong", "a.toml:3", "endpoint.url")
    assert str(ConfigError("is wrong")) == "is wrong"
    assert str(ProtocolError("is wrong", at="$.a")) == "$.a: is wrong"


def test_what_an_answer_cost_is_stated_or_counted() -> None:
    timing = Timing(0.0, tokens=(1.0, 2.0))
    request = Request("POST", "/")
    assert Exchange(request, timing).generated_tokens == 2
    stated = Answer(usage=Usage(completion_tokens=0))
    assert Exchange(request, timing, answer=stated).generated_tokens == 0
    assert Exchange(request, timing, answer=Answer(usage=Usage())).generated_tokens == 2
    assert Query("x").options == {}


def test_headers_and_media_types() -> None:
    response = Response(200, (("content-type", "Text/Event-Stream; charset=utf-8"), ("a", "1"), ("a", "2")))
    assert response.content_type == "text/event-stream"
    assert response.header("A") == "1"
    assert Response(200).content_type == ""


def test_the_worst_of_several_statuses() -> None:
    assert find_worst_status([]) is Status.INCONCLUSIVE
    assert find_worst_status([Status.PASS, Status.SKIPPED]) is Status.PASS
    order = [Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.PASS]
    for index, status in enumerate(order):
        assert find_worst_status(order[index:]) is status
