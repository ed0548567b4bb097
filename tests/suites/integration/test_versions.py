"""Versions side by side: which answer is another version's, and what shows nothing."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from harness.checks.isolation.own_versions import VersionCall, judge_own_versions
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.settings import Settings
from harness.core.verdict import Counterexample, Status, Verdict
from harness.io.client import Client
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from harness.run.preflight import detect_protocol
from tests.services import Answered, asking, serving

own_versions = import_module("harness.suites.integration.test_versions").test_own_versions
TWO = ServiceSettings(variants=("two_versions",))


def ask_versions(endpoint: Endpoint, folder: Path) -> Verdict:
    with Client(endpoint) as client:
        facts = detect_protocol(endpoint, client).facts
    with asking(Settings(endpoint, ("integration",)), folder) as session:
        session.facts = facts
        assert session.capabilities.other_versions
        verdict = own_versions(session)
    assert isinstance(verdict, Verdict)
    return verdict


@pytest.mark.parametrize(
    ("settings", "version", "status", "reason"),
    [
        (TWO, "1", Status.PASS, "to versions 1, 2 and without a version, up to"),
        (ServiceSettings(defects=("batch_mixes_versions",)), None, Status.FAIL, "it has the outputs of"),
        (ServiceSettings(defects=("version_of_neighbour",)), None, Status.FAIL, "its answer states version"),
    ],
    ids=["healthy", "one queue", "one stamp"],
)
def test_versions_of_the_reference(
    tmp_path: Path, settings: ServiceSettings, version: str | None, status: Status, reason: str
) -> None:
    with ReferenceProcess(settings) as server:
        verdict = ask_versions(Endpoint(server.url, "v2", model="digits", version=version), tmp_path)
    assert verdict.status is status, verdict.reason
    assert reason in verdict.reason


def test_one_version_is_none_beside_others(tmp_path: Path) -> None:
    with ReferenceProcess(ServiceSettings()) as server:
        endpoint = Endpoint(server.url, "v2", model="digits", version="1")
        with Client(endpoint) as client:
            assert detect_protocol(endpoint, client).facts.versions == ("1",)


class TFServing:
    """Two versions that add `shift` times their number to a sum; the answers state no version.

    `mixes`: a request is answered by the version of the last one that came from then on.
    """

    def __init__(self, *, shift: float = 1.0, mixes: bool = False) -> None:
        self.shift, self.mixes, self.asked = shift, mixes, 0

    def __call__(self, path: str, body: object) -> Answered:
        if path.endswith("/metadata"):
            spec = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "2"}]}}
            signatures = {"serving_default": {"inputs": {"x": spec}}}
            return 200, {"model_spec": {"name": "m"}, "metadata": {"signature_def": {"signature_def": signatures}}}
        if body is None:
            states = [{"version": version, "state": "AVAILABLE"} for version in ("12", "3")]
            states.append({"version": "2", "state": "UNLOADING"})
            return (200, {"model_version_status": states}) if path == "/v1/models/m" else (404, {"error": "no"})
        assert isinstance(body, dict)
        self.asked += 1
        version = 3 if "versions/3" in path else 12
        if self.mixes and self.asked > 20 and self.asked % 5 == 0:
            version = 15 - version
        return 200, {"predictions": [sum(row) + self.shift * version for row in body["instances"]]}


@pytest.mark.parametrize(
    ("service", "status", "reason"),
    [
        (TFServing(), Status.PASS, "to versions 3, 12 and without a version"),
        (TFServing(mixes=True), Status.FAIL, "it has the outputs of"),
        (TFServing(shift=0.0), Status.INCONCLUSIVE, "which of them answers is not seen"),
    ],
    ids=["healthy", "mixed", "alike"],
)
def test_versions_without_a_stamp(tmp_path: Path, service: TFServing, status: Status, reason: str) -> None:
    with serving(service) as url:
        verdict = ask_versions(Endpoint(url, "tfserving", model="m"), tmp_path)
    assert verdict.status is status, verdict.reason
    assert reason in verdict.reason


def make_answer(value: float, version: str | None = None) -> Exchange:
    outputs = {"y": [value]}
    return Exchange(
        Request("POST", "/"), Timing(0.0, sent=0.0, done=1.0), Response(200), Answer(outputs=outputs, version=version)
    )


ONE, OTHER, NEWEST = (
    VersionCall(version, 0, make_answer(value, stamp), make_answer(value, stamp))
    for version, value, stamp in (("1", 0.5, "1"), ("2", 0.7, "2"), (None, 0.7, "2"))
)
CALLS = (ONE, OTHER, NEWEST)
RIGHT = [call.first for call in CALLS]


@pytest.mark.parametrize(
    ("number", "answer", "reason"),
    [
        (0, make_answer(0.7, "1"), "it has the outputs of version 2"),
        (0, make_answer(0.5, "2"), "states version 2, and alone version 1"),
        (1, make_answer(0.7), "states no version, and alone version 2"),
        (2, make_answer(0.5, "2"), "it has the outputs of version 1"),
        (1, make_answer(0.9, "2"), "its outputs differ from those alone"),
    ],
)
@pytest.mark.parametrize("is_after", [True, False], ids=["after", "beside"])
def test_one_answer_beside_right_ones(number: int, answer: Exchange, reason: str, is_after: bool) -> None:
    changed = [*RIGHT]
    changed[number] = answer
    beside, after = (RIGHT, changed) if is_after else (changed, RIGHT)
    verdict = judge_own_versions(CALLS, [list(enumerate(beside))], after, lambda words, _: Counterexample(words))
    assert verdict.status is Status.FAIL
    assert reason in verdict.reason


def test_a_version_that_states_another_one_alone() -> None:
    wrong = replace(OTHER, first=make_answer(0.5, "1"), again=make_answer(0.5, "1"))
    verdict = judge_own_versions([ONE, wrong], [], [], lambda words, _: Counterexample(words))
    assert verdict.status is Status.FAIL
    assert "version 2 is asked, alone, and the answers state version 1" in verdict.reason


def test_texts_that_may_be_reworded_are_known_by_their_stamps_alone() -> None:
    calls = [replace(call, may_reword=True) for call in CALLS]
    beside = list(enumerate([make_answer(0.9, "1"), *RIGHT[1:]]))
    verdict = judge_own_versions(calls, [beside], RIGHT, lambda words, _: Counterexample(words))
    assert verdict.status is Status.PASS, verdict.reason
