"""What every adapter must keep, found by file name: a new protocol is tested by being there."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.core.adapter import Adapter, Facts
from harness.core.endpoint import Credentials, Endpoint, Secret, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response, StreamEvent
from harness.core.registry import list_plugins, load_plugin

T = TypeVar("T")

NAMES = list_plugins("protocols")
PACKAGE = Path(sys.modules["harness.protocols"].__file__ or "").parent

SAMPLES: dict[str, Any] = {"text": "Say hello.", "tensors": [[0.0, 1.0]]}
ENDPOINT = Endpoint("http://127.0.0.1:1", model="m")


@pytest.fixture(params=NAMES)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    loaded = load_plugin("protocols", request.param).ADAPTER
    assert isinstance(loaded, Adapter)
    assert loaded.name == request.param
    return loaded


def query_for(adapter: Adapter, *, stream: bool = False) -> Query:
    able = adapter.capabilities(ENDPOINT, Facts())
    return Query(SAMPLES["text" if able.text else "tensors"], stream=stream)


def said_or_made(make: Callable[[], T], expected: type[Exception] = ProtocolError) -> tuple[str, T | None]:
    """What was made, or what the only error that may be raised says."""
    try:
        return "", make()
    except expected as error:
        return str(error), None


def speaks_json(request: Request) -> bool:
    """Whether the body of a request is JSON; that of a gRPC call is a message, and there is no GET over gRPC."""
    return ("content-type", "application/grpc") not in request.headers


def test_shipped_protocols_are_found() -> None:
    assert {"openai_chat", "v2", "plain_json"} <= set(NAMES)


def test_title_is_one_line(adapter: Adapter) -> None:
    assert adapter.title
    assert adapter.title.isprintable()


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_module_is_pure(path: Path) -> None:
    """L1: the standard library without its clocks, files, sockets and chance; of the harness only L0 and siblings."""
    forbidden = {"time", "datetime", "random", "secrets", "socket", "ssl", "os", "io", "pathlib", "asyncio", "http"}
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            modules = [node.module or ""]
        for module in modules:
            top = module.partition(".")[0]
            assert (
                module.startswith(("harness.core", "harness.protocols"))
                or (top in sys.stdlib_module_names and top not in forbidden)
                or top in ("msgspec", "google")
            ), module  # codecs: bytes in, values out
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input")


def test_probes_are_harmless_and_the_same_each_time(adapter: Adapter) -> None:
    probes = adapter.probes(ENDPOINT)
    assert probes == adapter.probes(ENDPOINT)
    for probe in probes.values():
        assert not probe.stream
        if speaks_json(probe):
            assert (probe.method, probe.body) == ("GET", b"")
        else:
            assert probe.path.endswith(("Live", "Ready", "Metadata"))
        assert probe.path.startswith("/")


def test_capability_of_health_has_its_probe(adapter: Adapter) -> None:
    for is_live in (False, True):
        able = adapter.capabilities(ENDPOINT, Facts(("m",), None, {"live": is_live, "ready": is_live}))
        for capability, role in (("liveness", "live"), ("readiness", "ready"), ("model_readiness", "model_ready")):
            assert not getattr(able, capability) or role in adapter.probes(ENDPOINT)
        assert able.text or able.tensors
        assert able.tensors or able.embeds or not able.batches


def test_a_configured_sample_is_sent_as_it_is(adapter: Adapter) -> None:
    value = query_for(adapter).inputs
    endpoint = Endpoint("http://127.0.0.1:1", model="m", sample=value)
    query = adapter.sample(endpoint, Facts())
    assert query.inputs == value
    request = adapter.encode(endpoint, query, Facts())
    assert request == adapter.encode(endpoint, query, Facts())
    assert (request.method, request.stream) == ("POST", False)
    assert request.body
    if speaks_json(request):
        json.loads(request.body)


def test_no_sample_is_a_usage_error_that_names_the_setting(adapter: Adapter) -> None:
    message, query = said_or_made(lambda: adapter.sample(ENDPOINT, Facts()), UsageError)
    if query is None:
        assert "[endpoint] sample" in message
    else:
        assert adapter.encode(ENDPOINT, query, Facts()).body


def test_a_stream_is_spoken_or_refused(adapter: Adapter) -> None:
    if adapter.capabilities(ENDPOINT, Facts()).streaming:
        assert adapter.encode(ENDPOINT, query_for(adapter, stream=True), Facts()).stream
        assert adapter.decoder(ENDPOINT) is not adapter.decoder(ENDPOINT)
        assert adapter.decoder(ENDPOINT).close() == []
        assert not adapter.assemble([]).complete
        return
    for refused in (
        lambda: adapter.encode(ENDPOINT, query_for(adapter, stream=True), Facts()),
        lambda: adapter.decoder(ENDPOINT),
        lambda: adapter.assemble([]),
    ):
        with pytest.raises(UsageError):
            refused()


def test_bad_requests(adapter: Adapter) -> None:
    bad = adapter.bad_requests(ENDPOINT, Facts())
    assert 3 <= len(bad) <= 8
    assert bad == adapter.bad_requests(ENDPOINT, Facts())
    assert len({(request.method, request.path, request.body) for request in bad.values()}) == len(bad)
    if speaks_json(next(iter(bad.values()))):
        with pytest.raises(ValueError, match="char"):
            json.loads(bad["malformed_json"].body)
    assert all(request.path.startswith("/") for request in bad.values())


def test_secrets_are_in_no_request(adapter: Adapter) -> None:
    """The transport adds credentials; a request that held them would show them in reports."""
    endpoint = Endpoint("http://127.0.0.1:1", model="m", credentials=Credentials("bearer", Secret("hush-hush")))
    requests = [*adapter.probes(endpoint).values(), *adapter.bad_requests(endpoint, Facts()).values()]
    requests.append(adapter.encode(endpoint, query_for(adapter), Facts()))
    assert "hush-hush" not in repr(requests)


def test_nothing_is_recognised_in_nothing(adapter: Adapter) -> None:
    recognition = adapter.recognise(ENDPOINT, {})
    assert (recognition.score, recognition.facts) == (0.0, Facts())
    assert recognition.reason
    assert adapter.identity({}) == (None, None)


_KEYS = tuple(
    """choices delta message content usage index error model data outputs shape datatype name parameters predictions
    finish_reason id inputs paths /predict post requestBody application/json schema example $ref type items minItems
    versions model_name model_version completion_tokens live models extensions""".split()  # noqa: SIM905
)

# Bodies that are JSON of any form, bodies near the truth, and bytes.
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=12,
)
_BODIES = st.binary(max_size=80) | _VALUES.map(lambda value: json.dumps(value).encode())
DEEP = b"[" * 100_000
hostile = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.slow(seconds=0.5)
@hostile
@given(body=_BODIES)
@example(body=DEEP)
@example(body=b'{"a":' * 50_000)
@example(body=b"1" * 5000)
@example(body=b'{"outputs":[{"name":"y","datatype":"FP32","shape":[1e999],"data":[1e999]}]}')
@example(body=b'{"choices":[{"message":{"content":"\\ud800"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1e3}}')
@example(body=b"\xef\xbb\xbf[NaN]")
def test_hostile_body(adapter: Adapter, body: bytes) -> None:
    for template in (Template(), Template(answer="$.outputs[0]", probabilities="$.data")):
        endpoint = Endpoint("http://127.0.0.1:1", template=template)
        message, answer = said_or_made(partial(adapter.decode, endpoint, Response(200, body=body)))
        assert (answer is None) == bool(message)
        if answer is not None:
            assert isinstance(answer.text, str | None)
            assert isinstance(answer.model, str | None)
            assert isinstance(answer.version, str | None)


@pytest.mark.slow(seconds=0.5)
@hostile
@given(body=_BODIES, pieces=st.integers(1, 5))
@example(body=DEEP, pieces=2)
def test_hostile_stream(adapter: Adapter, body: bytes, pieces: int) -> None:
    if not adapter.capabilities(ENDPOINT, Facts()).streaming:
        return
    decoder = adapter.decoder(ENDPOINT)
    stream = b"data: " + body + b"\n\ndata: " + body[::-1] + b"\n\n"
    size = len(stream) // pieces + 1
    events: list[StreamEvent] = []
    for i in range(0, len(stream), size):
        events += said_or_made(partial(decoder.feed, stream[i : i + size]))[1] or []
    said_or_made(decoder.close)
    assert isinstance(adapter.assemble(events), Answer)


@pytest.mark.slow(seconds=0.5)
@hostile
@given(probed=st.lists(st.tuples(st.sampled_from([200, 200, 401, 404, 503]), _BODIES), min_size=8, max_size=8))
def test_hostile_probes(adapter: Adapter, probed: list[tuple[int, bytes]]) -> None:
    """Whatever the probes bring, it is judged; what is kept of it is JSON and makes requests or a usage error."""
    roles = adapter.probes(ENDPOINT)
    answers = {role: Response(status, (), body) for role, (status, body) in zip(roles, probed, strict=False)}
    judged = adapter.recognise(ENDPOINT, answers)
    assert 0 <= judged.score <= 1
    assert judged.reason.isprintable()
    facts = Facts(**json.loads(json.dumps({field.name: getattr(judged.facts, field.name) for field in fields(Facts)})))
    assert isinstance(adapter.identity(answers), tuple)
    adapter.capabilities(ENDPOINT, facts)
    adapter.bad_requests(ENDPOINT, facts)
    _, query = said_or_made(lambda: adapter.sample(ENDPOINT, facts), UsageError)
    if query is not None:
        request = adapter.encode(ENDPOINT, query, facts)
        assert json.loads(request.body) is not None if speaks_json(request) else request.body
