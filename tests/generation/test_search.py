"""Services with one defect that some valid requests meet: it is found, made as small as can be, and replayed."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.core.endpoint import Deadlines, Endpoint
from harness.core.errors import BudgetExhausted
from harness.core.settings import Ceilings, Settings
from harness.core.verdict import Status, Verdict
from harness.generation.search import SEARCH_REQUESTS
from harness.io.client import Client
from harness.io.ledger import Ledger
from harness.run.preflight import detect_protocol, load_adapter
from harness.run.series import Meter
from harness.run.session import Session
from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.services import QUICK, Answered, serving

suite = import_module("harness.suites.integration.test_property")
survive, answered = suite.test_generated_requests_survive, suite.test_generated_requests_answered
Bad = Callable[[Any], bool]


@dataclass
class Service:
    """Plain JSON with an OpenAPI document, or V2: `bad` bodies are answered by `wrong`, all other valid ones well."""

    bad: Bad
    wrong: Answered | None = (500, {"error": "internal error"})
    schema: dict[str, Any] = field(default_factory=dict)
    example: Any = None
    specs: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)

    def __call__(self, path: str, body: Any) -> Answered:
        if body is None:
            return self.page(path)
        self.asked.append(body)
        if not self.valid(body):
            return 422, {"error": "that is not valid"}
        if self.bad(body):
            if self.wrong is None:
                raise ConnectionAbortedError
            return self.wrong
        return 200, self.right(body)

    def page(self, path: str) -> Answered:
        if path == "/openapi.json" and self.schema:
            content = {"application/json": {"schema": self.schema, "example": self.example}}
            return 200, {"openapi": "3.1.0", "paths": {"/predict": {"post": {"requestBody": {"content": content}}}}}
        if path == "/v2/models/m" and self.specs:
            return 200, {"name": "m", "inputs": self.specs, "outputs": [], "parameters": {}}
        return 404, {"error": "nothing is here"}

    def valid(self, body: Any) -> bool:
        if self.schema:
            return bool(Draft202012Validator(self.schema).is_valid(body))
        low, high = 0, 255
        tensor = body["inputs"][0]
        sized = len(tensor["data"]) == tensor["shape"][0] * tensor["shape"][1] and tensor["shape"][0] > 0
        return sized and tensor["shape"][1] == 4 and all(type(x) is int and low <= x <= high for x in tensor["data"])

    def right(self, body: Any) -> Any:
        if self.specs:
            rows = body["inputs"][0]["shape"][0]
            return {"outputs": [{"name": "y", "datatype": "INT64", "shape": [rows], "data": [1] * rows}]}
        return {"scores": [0.5] * len(body.get("instances", [0]))}


@contextmanager
def open_session(service: Callable[[str, Any], Answered], folder: Path, **more: Any) -> Iterator[Session]:
    given = {name: more.pop(name) for name in ("seed", "ceilings") if name in more}
    protocol = "v2" if getattr(service, "specs", []) else "plain_json"
    with serving(service) as url:
        endpoint = Endpoint(url, protocol, model="m", deadlines=more.pop("deadlines", QUICK), **more)
        with Client(endpoint) as client:
            settings = Settings(endpoint, ("integration",), extras=("property",), **given)
            ledger = Ledger(folder, settings.ceilings, 0.0)
            yield Session(
                settings, load_adapter(protocol), detect_protocol(endpoint, client).facts, client, ledger, Meter(None)
            )


def rows(item: dict[str, Any], width: int) -> dict[str, Any]:
    row = {"type": "array", "items": item, "minItems": width, "maxItems": width}
    instances = {"type": "array", "items": row, "minItems": 1, "maxItems": 8}
    return {"type": "object", "properties": {"instances": instances}, "required": ["instances"]}


def fields(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def numbers(body: Any) -> list[Any]:
    return [number for row in body["instances"] for number in row]


NUMBER, TEXT = {"type": "number"}, {"type": "string"}
TEXTS = {"type": "array", "items": TEXT, "minItems": 1}
WHOLE = {"type": "integer", "format": "int64"}
PIXEL = {"type": "number", "minimum": 0, "maximum": 16}
ANY = {"minimum": -100, "maximum": 100, **NUMBER}
LEVEL = fields({}, debug=fields({"level": {"type": "integer", "minimum": 0, "maximum": 9}}), trace={"type": "boolean"})
ROW = {"instances": [[1.5, 2.5, 3.5]]}
SEEDED = {
    "a negative number": lambda: Service(
        lambda body: any(x < 0 for x in numbers(body)), (200, {"scores": []}), rows(ANY, 3), ROW
    ),
    "over 2^31": lambda: Service(
        lambda b: b["id"] > 2**31, None, fields({"id": WHOLE, "name": TEXT}), {"id": 1, "name": "x"}
    ),
    "a row of zeros": lambda: Service(
        lambda b: any(not any(row) for row in b["instances"]), (200, {"scores": [float("nan")]}), rows(PIXEL, 12),
        {"instances": [[1.5] * 12]},
    ),
    "three rows": lambda: Service(lambda b: len(b["instances"]) == 3, (200, {"scores": [0.5] * 2}), rows(ANY, 3), ROW),
    "a quote": lambda: Service(
        lambda b: "'" in b["text"], (500, {"error": "syntax"}), fields({"text": TEXT}, lang=TEXT), {"text": "hi"}
    ),
    "an empty text": lambda: Service(
        lambda b: "" in b["texts"], None, fields({"texts": TEXTS}), {"texts": ["hi"]}
    ),
    "a nested optional field": lambda: Service(
        lambda b: "debug" in b.get("options", {}), (500, {}), fields({"x": NUMBER}, options=LEVEL), {"x": 1.5}
    ),
    "two keys together": lambda: Service(
        lambda b: b.get("top_k") is not None and "seed" in b,
        (500, {}),
        fields({"x": NUMBER}, top_k={"type": ["integer", "null"]}, seed=WHOLE, tag=TEXT),
        {"x": 1.5},
    ),
    "255 overflows": lambda: Service(
        lambda b: 255 in b["inputs"][0]["data"], specs=[{"name": "x", "datatype": "UINT8", "shape": [-1, 4]}]
    ),
    "an integral float": lambda: Service(
        lambda b: any(type(x) is float and x.is_integer() and x for x in numbers(b)), (500, {}), rows(NUMBER, 3), ROW
    ),
}  # fmt: skip


def simpler(value: Any) -> Iterator[Any]:
    """Every value that has one element less, or one leaf simpler: written apart from what it tests."""
    if isinstance(value, dict):
        for name in value:
            yield {key: child for key, child in value.items() if key != name}
            yield from ({**value, name: child} for child in simpler(value[name]))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield value[:index] + value[index + 1 :]
            yield from ([*value[:index], item, *value[index + 1 :]] for item in simpler(value[index]))
    elif isinstance(value, str):
        yield from (value[:index] + value[index + 1 :] for index in range(len(value)))
        yield from (value[:index] + "a" + value[index + 1 :] for index in range(len(value)) if value[index] != "a")
    elif value is True:
        yield False
    elif type(value) in (int, float):
        steps = {0, abs(value), int(value), int(value / 2), value - 1 if value > 0 else value + 1}
        yield from (type(value)(number) for number in steps if number != value and abs(number) <= abs(value))


def tensors(body: Any) -> Any:
    """A V2 body as rows, and back: shape and data change together."""
    tensor = body["inputs"][0]
    width = tensor["shape"][1]
    return [tensor["data"][at : at + width] for at in range(0, len(tensor["data"]), width)]


def body_of(given: Any) -> Any:
    flat = [number for row in given for number in row]
    return {
        "inputs": [
            {"name": "x", "datatype": "UINT8", "shape": [len(given), len(given[0]) if given else 0], "data": flat}
        ]
    }


def failing(service: Service, folder: Path) -> tuple[Verdict, Any, str]:
    """The FAIL of whichever check finds it, the body that it shows, and its curl line replayed to the service."""
    with open_session(service, folder) as session:
        verdict = next((v for v in (survive(session), answered(session)) if v.status is Status.FAIL), None)
        assert verdict is not None, [survive(session), answered(session)]
        assert len(service.asked) <= SEARCH_REQUESTS + 2
        shown = verdict.counterexamples[0]
        assert shown.request is not None
        assert shown.curl is not None
        sent = len(service.asked)
        assert shutil.which("curl"), "this test needs curl"
        done = subprocess.run(shown.curl, shell=True, capture_output=True, text=True, timeout=60, check=False)
        body = json.loads(shown.request["body"])
        assert service.asked[sent:] == [body]
        return verdict, body, done.stdout


MINIMAL: dict[str, bool] = {}


@pytest.mark.parametrize("name", SEEDED)
def test_a_seeded_defect_is_found_and_replayed(tmp_path: Path, name: str) -> None:
    service = SEEDED[name]()
    verdict, body, detail = failing(service, tmp_path)
    assert service.bad(body)
    status = 200 if service.wrong is None else service.wrong[0]
    assert detail == "" if service.wrong is None else f" {status} " in detail.splitlines()[0]
    assert any("of 3 times" in note for note in verdict.notes), verdict.notes
    candidates = map(body_of, simpler(tensors(body))) if service.specs else simpler(body)
    still = [candidate for candidate in candidates if service.valid(candidate) and service.bad(candidate)]
    MINIMAL[name] = not still
    print(name, body, len(service.asked), still[:3], verdict.notes)


def good(path: str, body: Any) -> Answered:
    return Service(lambda body: False, schema=rows(ANY, 3), example=ROW)(path, body)


def test_the_counterexamples_are_minimal() -> None:
    """Nine of ten is what is promised; the tests above have filled in all ten."""
    if len(MINIMAL) == len(SEEDED):
        assert sum(MINIMAL.values()) >= 9, MINIMAL


def test_a_right_service_passes_with_the_same_requests_each_time(tmp_path: Path) -> None:
    bodies = []
    for seed in (1, 1, 2):
        service = Service(lambda body: False, schema=rows(ANY, 3), example=ROW)
        with open_session(service, tmp_path, seed=seed) as session:
            verdicts = survive(session), answered(session)
        assert [verdict.status for verdict in verdicts] == [Status.PASS, Status.PASS]
        assert verdicts[0].n is not None
        assert verdicts[0].n > 30
        bodies.append(service.asked)
    assert bodies[0] == bodies[1]
    assert bodies[0] != bodies[2]


@pytest.mark.parametrize("status", sample_cases([422, 404, 429, 503], 422, 429))
def test_a_service_that_refuses_everything_has_shown_nothing(tmp_path: Path, status: int) -> None:
    def answer(path: str, body: Any) -> Answered:
        return good(path, body) if body is None else (status, {"error": "no"})

    with open_session(answer, tmp_path) as session:
        for verdict in (survive(session), answered(session)):
            assert verdict.status is Status.INCONCLUSIVE
            assert "none of" in verdict.reason


def wrong_at(
    answered_so: Answered | None, times: set[int] | None = None, number: float = 50
) -> Callable[..., Answered]:
    count = iter(range(10**6))

    def answer(path: str, body: Any) -> Answered:
        at = next(count) if body is not None else -1
        if at < 0 or (at not in times if times is not None else not any(x >= 50 for x in numbers(body))):
            return good(path, body)
        if answered_so is None:
            raise ConnectionAbortedError
        return answered_so

    return answer


NOT_SURVIVED = [
    (None, "closed"),
    ((200, {"scores": ["x"] * 9}), "entries"),
    ((200, {"scores": [float("inf")]}), "Infinity"),
    ((200, "nothing"), "is missing"),
    ((200, {"error": "out of memory"}), "no valid answer"),
    ((400, {"error": "Traceback (most recent call last):"}), "a Python traceback"),
    ((500, {"error": "broken"}), "500"),
    ((502, {"error": "broken"}), "502"),
]


@pytest.mark.parametrize(("wrong", "reason"), sample_cases(NOT_SURVIVED, *NOT_SURVIVED[:2], *NOT_SURVIVED[5:7]))
def test_what_is_not_survived_is_a_blocker(tmp_path: Path, wrong: Any, reason: str) -> None:
    with open_session(wrong_at(wrong), tmp_path) as session:
        verdict = survive(session)
    assert verdict.status is Status.FAIL, verdict
    assert reason in verdict.reason


def test_a_5xx_warns_where_the_document_leaves_values_open(tmp_path: Path) -> None:
    def answer(path: str, body: Any) -> Answered:
        if body is None:
            return Service(lambda _: False, schema=rows(NUMBER, 3), example=ROW)(path, None)
        return (500, {"error": "no"}) if any(abs(x) > 10 for x in numbers(body)) else (200, {"scores": [0.5]})

    with open_session(answer, tmp_path) as session:
        assert survive(session).status is Status.PASS
        verdict = answered(session)
    assert verdict.status is Status.FAIL
    assert "minimal" in " ".join(verdict.notes)


def test_a_hang_is_found_within_the_deadlines(tmp_path: Path) -> None:
    never = threading.Event()

    def answer(path: str, body: Any) -> Answered:
        if body is not None and len(body["instances"]) == 4:
            never.wait(0.5)
        return good(path, body)

    with open_session(answer, tmp_path, deadlines=Deadlines(1.0, 0.12, 0.12, 0.2)) as session:
        verdict = survive(session)
    never.set()
    assert verdict.status is Status.FAIL
    assert "timeout" in verdict.reason


def test_a_request_after_which_everything_hangs_is_not_survived(tmp_path: Path) -> None:
    """The first failing request gets a 500; after it every request hangs, so the 500 cannot be repeated."""
    locked, never = threading.Event(), threading.Event()

    def answer(path: str, body: Any) -> Answered:
        if body is None:
            return good(path, body)
        if locked.is_set():
            never.wait(2)
        if len(body["instances"]) == 4:
            locked.set()
            return 500, {"error": "internal error"}
        return good(path, body)

    with open_session(answer, tmp_path, deadlines=Deadlines(1.0, 0.4, 0.4, 0.8)) as session:
        verdict = survive(session)
    never.set()
    assert verdict.status is Status.FAIL, verdict.reason
    assert "the plain one hangs, which was answered before" in verdict.reason


def test_answers_that_take_long_end_the_search_early_and_not_the_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(path: str, body: Any) -> Answered:
        return (500, {"error": "no"}) if body and len(body["instances"]) == 4 else good(path, body)

    steps = itertools.count(step=7)
    monkeypatch.setattr("harness.generation.search.read_monotonic", lambda: float(next(steps)))
    with open_session(answer, tmp_path) as session:
        verdict = survive(session)
        assert session.sent_requests < 25
    assert verdict.status is Status.FAIL
    assert "not proved to be minimal" in " ".join(verdict.notes)


@pytest.mark.parametrize(("times", "status"), [({20}, Status.PASS), (set(range(20, 400, 5)), Status.FAIL)])
def test_what_is_not_repeatable_is_said_to_be_so(tmp_path: Path, times: set[int], status: Status) -> None:
    with open_session(wrong_at((500, {"error": "no"}), times), tmp_path) as session:
        verdict = survive(session)
    assert verdict.status is status, verdict
    wanted = "not repeated" if status is Status.PASS else "not repeatable"
    assert any(wanted in note for note in verdict.notes)


def test_a_ceiling_of_cost_ends_it(tmp_path: Path) -> None:
    with open_session(good, tmp_path, ceilings=Ceilings(requests=10)) as session, pytest.raises(BudgetExhausted):
        survive(session)


def test_an_interrupt_passes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_session(good, tmp_path) as session:
        ask, left = session.ask, iter(range(5))

        def ask_until_interrupt(query: Any = None, **more: Any) -> Any:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return ask(query, **more)

        monkeypatch.setattr(session, "ask", ask_until_interrupt)
        with pytest.raises(KeyboardInterrupt):
            survive(session)


def test_a_schema_that_nothing_can_be_made_of_is_no_pass(tmp_path: Path) -> None:
    nothing = fields({"x": {"type": "string", "format": "ipv4", "maxLength": 2}})
    answer = Service(lambda body: False, schema=nothing, example={"x": "1"})
    with open_session(answer, tmp_path) as session:
        verdict = survive(session)
    assert verdict.status is Status.INCONCLUSIVE
    assert "no request can be made" in verdict.reason


def test_without_a_document_requests_are_like_the_sample(tmp_path: Path) -> None:
    service = Service(lambda body: False, schema=rows(ANY, 3))
    answer = lambda path, body: (404, {}) if body is None else service(path, body)  # noqa: E731
    with open_session(answer, tmp_path, sample=[[0.0, 2.5, 7.5]]) as session:
        assert survive(session).status is Status.PASS
    drawn = [x for body in service.asked for x in numbers(body) if abs(x) < 65_504]
    assert drawn
    assert all(0 <= x <= 7.5 for x in drawn), "but for a few ordinary large numbers"
    assert all(len(row) == 3 for body in service.asked for row in body["instances"])


def test_a_service_that_knows_few_names_is_not_asked_in_vain(tmp_path: Path) -> None:
    def answer(path: str, body: Any) -> Answered:
        if body is None:
            return 404, {}
        known = body["instances"][0]["country"] in ("at", "be")
        return (200, {"scores": [0.5]}) if known else (422, {"error": "unknown country"})

    with open_session(answer, tmp_path, sample=[{"country": "at", "age": 30}]) as session:
        verdict = survive(session)
    assert verdict.status is Status.PASS
    assert "refused" in " ".join(verdict.notes)


@pytest.mark.parametrize("name", sample_cases(["255 overflows", "two keys together"], "255 overflows"))
def test_the_pytest_id_replays_the_counterexample_and_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    service = SEEDED[name]()
    protocol = "v2" if service.specs else "plain_json"
    with serving(service) as url:
        (tmp_path / "aiharness.toml").write_text(f'[endpoint]\nurl = "{url}"\nprotocol = "{protocol}"\nmodel = "m"\n')
        first = run_gate(tmp_path, "-k", "generated", suite="integration")
        row = next(c for c in first.gate["checks"] if "generated" in c["id"] and c["verdict"] == "FAIL")  # type: ignore[index]
        shown = row["counterexamples"][0]
        again = run_gate(tmp_path, shown["pytest"], f"--ai-seed={shown['seed']}", suite="integration", run="again")
    replayed = again.check(row["id"])
    assert replayed["verdict"] == "FAIL"
    assert replayed["counterexamples"][0]["request"] == shown["request"]
    assert {path.name for path in tmp_path.iterdir()} == {"aiharness.toml", "run", "again"}
