"""A service that fails one announced value of a field fails the check; one that answers or refuses it passes."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.core.adapter import Facts
from harness.core.endpoint import Deadlines, Endpoint, Template
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from harness.protocols.tensor.plain_json import ADAPTER
from tests.services import Answered, asking, serving

suite = import_module("harness.suites.integration.test_categories")
SCHEMA = {"type": "object", "properties": {"size": {"enum": ["S", "M", "L"]}}}
FACTS = Facts(inputs={"valid": {"input": SCHEMA, "options": {}, "required": []}})
TEMPLATE = Template(body="{{input}}", answer="$.price")


def judge_values(folder: Path, answer_large: Answered, *, delay: float = 0.0) -> Verdict:
    """The verdict on a service that answers the size L in a way of its own."""

    def answer(path: str, body: Any) -> Answered:
        if body["size"] != "L":
            return 200, {"price": 2.0}
        time.sleep(delay)
        return answer_large

    with serving(answer) as url:
        deadlines = Deadlines(connect=2.0, first_byte=0.5, inter_token=0.5, total=1.0)
        endpoint = Endpoint(url, "plain_json", sample={"size": "S"}, template=TEMPLATE, deadlines=deadlines)
        with asking(Settings(endpoint, ("integration",)), folder) as session:
            session.is_reached = True
            session.facts = FACTS
            verdict: Verdict = suite.test_announced_values(session)
            return verdict


@pytest.mark.parametrize(
    ("answer_large", "status"),
    [
        ((200, {"price": 3.0}), Status.PASS),
        ((422, {"error": "no such size"}), Status.PASS),
        ((500, {"error": "KeyError"}), Status.FAIL),
        ((200, {"cost": 3.0}), Status.FAIL),
        ((503, {"error": "busy"}), Status.INCONCLUSIVE),
    ],
)
def test_each_announced_value_is_answered_or_refused(tmp_path: Path, answer_large: Answered, status: Status) -> None:
    verdict = judge_values(tmp_path, answer_large)
    assert verdict.status is status, verdict.reason
    assert status is not Status.FAIL or 'the input with size = "L" is neither answered nor refused' in verdict.reason


def test_a_value_that_hangs_the_service_fails(tmp_path: Path) -> None:
    verdict = judge_values(tmp_path, (200, {"price": 3.0}), delay=1.5)
    assert verdict.status is Status.FAIL
    assert "timeout" in verdict.reason


def test_values_and_texts_are_asked_only_where_the_input_has_some() -> None:
    endpoint = Endpoint("http://service.example", "plain_json", sample={"size": "S"}, template=TEMPLATE)
    assert ADAPTER.capabilities(endpoint, FACTS).categories
    assert not ADAPTER.capabilities(endpoint, Facts()).categories
    assert not ADAPTER.capabilities(endpoint, FACTS).sentences
    worded = Endpoint("http://service.example", "plain_json", sample={"text": "I love this film"}, template=TEMPLATE)
    assert ADAPTER.capabilities(worded, Facts()).sentences
