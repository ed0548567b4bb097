"""Every fault file, by name: its parameters, bytes, the end of the stream, release, proof and signature."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.core.fault import MOST_PROBE_DELAY, FaultKind, FaultParameters, LinkProbe, Parameter, load_fault
from harness.core.fault_stage import Close, Stage, StageContext, StreamChunk
from harness.core.http_request import CONDITIONS
from harness.core.registry import list_plugins
from tests.faults.grpc_exchanges import GRPC_ANSWERS, GRPC_REQUESTS
from tests.faults.http_exchanges import ANSWERS, REQUESTS

KINDS = [load_fault(name) for name in list_plugins("faults")]
TOXICS = [kind for kind in KINDS if kind.stage is not None]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
every_toxic = pytest.mark.parametrize("kind", TOXICS, ids=lambda kind: kind.name)

REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
EVENTS = [b'data: {"n": %d}\n\n' % number for number in range(12)]
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAM += b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in EVENTS) + b"0\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000


@dataclass
class Line:
    """A stage, driven as the proxy drives it, on a clock that moves only when told to."""

    kind: FaultKind[Any]
    parameters: FaultParameters
    is_fresh: bool = True
    strikes: bool = True
    draw: Callable[[], float] = field(default_factory=lambda: random.Random(5).random)
    now: float = 0.0
    pushed: bytes = b""
    passed: bytearray = field(default_factory=bytearray)
    close: Close | None = None
    ended_itself: bool = False
    effects: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    memory: dict[Any, Any] = field(default_factory=dict)
    waits: list[bool] = field(default_factory=list)
    stage: Stage[Any] = field(init=False)

    def __post_init__(self) -> None:
        assert self.kind.stage is not None
        chances = (self.draw, lambda: self.strikes, self.effects.append)
        context = StageContext(self.parameters, *chances, self.is_fresh, self.memory, self.waits.append)
        self.stage = self.kind.stage(context, self.now)

    def push(self, data: bytes | Close) -> None:
        if self.close is None:
            self.pushed += data if isinstance(data, bytes) else b""
            self._pass(self.stage.push(data, self.now, self.now), isinstance(data, Close))

    def advance(self, until: float) -> None:
        """Let the clock run; every tick must move it on."""
        for _ in range(100_000):
            if not self.stage.due <= until or self.close is not None:
                break
            self.now = max(self.now, self.stage.due)
            self._pass(self.stage.tick(self.now), False)
        else:
            pytest.fail("the stage asks for one tick after another")
        self.now = max(self.now, until) if until < inf else self.now

    def release(self) -> bytes:
        before = len(self.passed)
        if self.close is None:
            self._pass(self.stage.release(), True)
        return bytes(self.passed[before:])

    def _pass(self, chunks: Any, may_end: bool) -> None:
        rows: list[StreamChunk] = list(chunks)
        assert not any(isinstance(data, Close) for data, _ in rows[:-1]), "something follows the end of the stream"
        for data, _ in rows:
            if self.close is not None:
                return  # the connection has ended: the proxy delivers nothing more
            if isinstance(data, Close):
                self.close = data
                self.ended_itself = data is Close.RST or not (may_end or self.has_end)
            else:
                self.passed += data
            self.times.append(self.now)

    has_end = False

    def end(self) -> None:
        self.has_end = True
        self.push(Close.FIN)

    def check_bytes(self) -> None:
        """Every byte arrived in order, or the missing ones were recorded; those behind an end by the fault need not."""
        if not self.effects:
            assert self.passed == self.pushed, "bytes were lost, added or changed, and no effect was recorded"
            assert not self.ended_itself, "the connection was ended, and no effect was recorded"
        if not self.stage.keeps_bytes:
            return
        if not (self.stage.swallows_data or self.ended_itself):
            assert len(self.passed) >= len(self.pushed), "bytes were lost, although the connection goes on"
        if not self.ended_itself:
            missing = len(self.pushed) - len(self.passed)
            assert missing <= sum(self.effects), "more bytes are missing than were recorded"
        if Counter(self.passed) == Counter(self.pushed):
            assert self.passed == self.pushed, "bytes changed places"


@st.composite
def draw_parameters(draw: st.DrawFn, kind: FaultKind[Any]) -> FaultParameters:
    """Parameters anywhere in their ranges, and often small ones; the example where they exclude each other."""
    values: dict[str, Any] = {}
    for parameter in kind.parameters:
        if parameter.choices:
            values[parameter.name] = draw(st.sampled_from(parameter.choices))
        elif isinstance(parameter.default, str):
            texts = ["", "x-other: 5"] if parameter.name == "header" else ["", "/v1", "/other", "POST"]
            values[parameter.name] = draw(st.sampled_from(texts))
        else:
            small = st.integers(parameter.low, min(parameter.high, parameter.low + 2000))
            values[parameter.name] = draw(small | st.integers(parameter.low, parameter.high))
    try:
        parameters: FaultParameters = kind.parse(values)
    except UsageError:
        assert type(kind.example)(**values).find_problem(), "values in their ranges were refused without a reason"
        parameters = kind.example
    return parameters


@st.composite
def draw_pieces(draw: st.DrawFn) -> list[tuple[bytes, float]]:
    """A stream of events, a page or bytes that are not HTTP, in pieces, each with the seconds since the last."""
    data = draw(st.sampled_from([STREAM, STREAM[:-40], PAGE, STREAM + PAGE]) | st.binary(max_size=300))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if start < end]
    return [(piece, draw(st.sampled_from([0.0, 0.001, 0.2, 5.0]))) for piece in pieces]


def play(line: Line, pieces: list[tuple[bytes, float]]) -> None:
    line.stage.observe(REQUEST)
    for data, seconds in pieces:
        line.advance(line.now + seconds)
        line.push(data)


@every_toxic
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_bytes_are_conserved_or_accounted_for_and_the_end_follows(kind: FaultKind[Any], data: st.DataObject) -> None:
    line = Line(kind, data.draw(draw_parameters(kind)), data.draw(st.booleans()), data.draw(st.booleans()))
    play(line, data.draw(draw_pieces()))
    line.end()
    line.advance(line.now + 3600 * 24)
    line.release()
    line.check_bytes()
    assert line.close is not None, "the end of the stream was lost"


@every_toxic
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_fault_that_is_lifted_gives_up_what_it_keeps(kind: FaultKind[Any], data: st.DataObject) -> None:
    line = Line(kind, data.draw(draw_parameters(kind)), data.draw(st.booleans()))
    play(line, data.draw(draw_pieces()))
    buffered = line.stage.buffered
    assert buffered >= 0
    assert buffered <= len(line.pushed) or not line.stage.keeps_bytes
    released = line.release()
    if line.close is None and line.stage.keeps_bytes:
        assert len(released) >= buffered, "it counts bytes as buffered that it does not give up"
    line.check_bytes()


@every_toxic
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_pieces_in_which_data_arrives_do_not_matter(kind: FaultKind[Any], data: st.DataObject) -> None:
    """TCP keeps no boundaries: the same bytes pass, however they were cut."""
    parameters, pieces = data.draw(draw_parameters(kind)), data.draw(draw_pieces())
    whole, cut = (Line(kind, parameters, draw=lambda: 0.5) for _ in range(2))
    play(whole, [(b"".join(piece for piece, _ in pieces), 0.0)])
    play(cut, [(piece, 0.0) for piece, _ in pieces])
    for line in (whole, cut):
        line.end()
        line.advance(line.now + 3600 * 24)
        line.release()
    assert cut.passed == whole.passed
    assert cut.close == whole.close


@every_toxic
def test_what_is_kept_is_counted(kind: FaultKind[Any]) -> None:
    """The proxy pauses a sender by what a stage counts as buffered: uncounted bytes would fill the memory."""
    for data in (STREAM[:-5] + b"61a80\r\n" + b"a" * 400_000, b"a" * 400_000):
        line = Line(kind, kind.example)
        line.stage.observe(REQUEST)
        for start in range(0, len(data), 50_000):
            line.push(data[start : start + 50_000])
        buffered = line.stage.buffered
        assert len(line.release()) <= buffered + 2 * 65536


def list_traffic(kind: FaultKind[Any]) -> tuple[bytes, bytes]:
    """Requests and their answers on which the example of a fault acts."""
    if not kind.by_request:
        return REQUEST, STREAM
    if kind.name.startswith("grpc"):
        return GRPC_REQUESTS, GRPC_ANSWERS
    return REQUESTS, ANSWERS


@every_toxic
def test_the_example_acts_and_is_recorded(kind: FaultKind[Any]) -> None:
    line = Line(kind, kind.example)
    requests, answers = list_traffic(kind)
    line.stage.observe(requests)
    line.push(answers)
    line.advance(60)
    line.end()
    line.advance(120)
    if kind.example.is_idle:
        assert line.passed == STREAM
        assert line.close is Close.FIN
        assert not line.effects, "it is idle, and acts"
    else:
        assert line.effects, "record_effect was not called for what the fault did: nothing proves it"


@every_toxic
@settings(max_examples=20, deadline=None)
@given(pieces=draw_pieces())
def test_a_request_that_the_draw_spares_is_left_alone(kind: FaultKind[Any], pieces: list[tuple[bytes, float]]) -> None:
    if not kind.by_request:
        return
    line = Line(kind, kind.example, strikes=False)
    play(line, pieces)
    line.end()
    assert line.passed == line.pushed
    assert not line.effects


@every_kind
def test_the_signature_is_that_of_the_fault(kind: FaultKind[Any]) -> None:
    """Over a proxy that does not count, a probe recognises the example, and nothing where there is no fault."""
    before = LinkProbe("closed", 0.01, 0.02, len(PAGE), 60)
    again = LinkProbe("closed", 0.012, 0.024, len(PAGE), 60)
    for stream in kind.streams:
        assert not kind.example.recognise(before, again, stream), "it recognises a fault that is not there"
    if kind.needs_own_proxy:
        return
    now = LinkProbe("refused") if kind.stage is None else probe(kind, before)
    reason = kind.example.recognise(before, now, kind.streams[-1])
    if kind.example.is_idle:
        assert not reason, "it is idle, and recognised"
    else:
        assert reason, f"{now} shows nothing: give the parameters `recognise`, or the kind `needs_own_proxy`"
    assert "\n" not in reason


def probe(kind: FaultKind[Any], before: LinkProbe) -> LinkProbe:
    """What a probe sees of a page that goes through the stage."""
    assert before.first is not None
    patience = before.total + min(MOST_PROBE_DELAY, 2 * kind.example.expect_delay(before, kind.streams[-1]) + 0.5)
    line = Line(kind, kind.example)
    line.stage.observe(REQUEST)
    line.advance(before.first)
    line.push(PAGE)
    line.advance(before.total)
    line.end()
    line.advance(patience)
    first = line.times[0] if line.passed else None
    if line.close is None:
        return LinkProbe("silent", first, patience, len(line.passed), 60)
    outcome = "reset" if line.close is Close.RST else "closed"
    return LinkProbe(outcome, first, line.times[-1], len(line.passed), 60)  # type: ignore[arg-type]


@every_kind
def test_a_kind_describes_itself(kind: FaultKind[Any]) -> None:
    assert kind.title
    assert kind.title[0] != kind.title[0].upper() or not kind.title[0].isalpha()
    assert set(kind.streams) <= {"upstream", "downstream"}
    assert type(kind.example).__dataclass_params__.frozen
    assert kind.parse(asdict(kind.example)) == kind.example
    assert kind.parse({}) == type(kind.example)()
    for parameter in kind.parameters:
        assert parameter.title
        parameter.check(parameter.default)
        assert isinstance(parameter.default, str) or parameter.low < parameter.high, f"{parameter.name} has no range"


PARAMETERS = [
    pytest.param(kind, parameter, id=f"{kind.name}-{parameter.name}")
    for kind in KINDS
    for parameter in kind.parameters
    if kind.name == "truncate_stream" or parameter.name not in CONDITIONS
]
"""Those of every kind; the conditions, which are common, are tried with one kind."""


@pytest.mark.parametrize(("kind", "parameter"), PARAMETERS)
def test_a_value_out_of_range_is_refused_with_the_range(kind: FaultKind[Any], parameter: Parameter) -> None:
    wrong: list[Any] = [1.5, True, [1], {"a": 1}]
    if isinstance(parameter.default, str):
        wrong += [7, *(["other"] if parameter.choices else [])]
    else:
        wrong += ["5", parameter.low - 1, parameter.high + 1]
    for value in wrong:
        with pytest.raises(UsageError, match=f"attribute {parameter.name} must be ") as refusal:
            kind.parse({parameter.name: value})
        assert parameter.range in str(refusal.value)
        assert repr(value) in str(refusal.value)


@every_kind
def test_names_match_in_any_case_and_unknown_ones_are_refused(kind: FaultKind[Any]) -> None:
    values = asdict(kind.example)
    assert kind.parse({name.upper(): value for name, value in values.items()}) == kind.example
    assert kind.parse(dict.fromkeys(values), kind.example) == kind.example
    assert kind.parse({"unheard_of": 1}, strict=False) == kind.parse({})
    with pytest.raises(UsageError, match=f"unknown attribute of {kind.name} 'unheard_of'"):
        kind.parse({"unheard_of": 1})
