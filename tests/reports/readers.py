"""How others read our formats: each reader says whether the run as a whole is a success, and of which checks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SCHEMAS = Path(__file__).parents[1] / "data" / "schemas"


@dataclass(frozen=True)
class Reading:
    """Whether the whole is a success, and how many single entries are successes and failures."""

    green: bool
    passed: int = 0
    failed: int = 0


def load_schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def read_junit(text: str) -> Reading:
    junitparser = pytest.importorskip("junitparser", reason="pip install junitparser")
    suites = list(junitparser.JUnitXml.fromstring(text.encode()))
    cases = [case for suite in suites for case in suite]
    passed = sum(case.is_passed for case in cases)
    failed = sum(case.is_failure or case.is_error for case in cases)
    gate = next(iter(suites[0]))
    return Reading(failed == 0 and gate.is_passed, passed, failed)


def read_ctrf(text: str) -> Reading:
    document = json.loads(text)
    format_checker = jsonschema.FormatChecker()
    jsonschema.Draft7Validator(load_schema("ctrf-0.0"), format_checker=format_checker).validate(document)
    results = document["results"]
    statuses = [test["status"] for test in results["tests"]]
    for name in ("passed", "failed", "skipped", "pending", "other"):
        assert results["summary"][name] == statuses.count(name)
    assert results["summary"]["tests"] == len(statuses)
    assert results["environment"]["healthy"] is ("failed" not in statuses)
    return Reading("failed" not in statuses, statuses.count("passed"), statuses.count("failed"))


def read_sarif(text: str) -> Reading:
    document = json.loads(text)
    jsonschema.Draft202012Validator(load_schema("sarif-2.1.0")).validate(document)
    (run,) = document["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert len(rules) == len(run["tool"]["driver"]["rules"])
    for result in run["results"]:
        assert result["ruleId"] in rules
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9_./%~-]+", uri)
    errors = [result for result in run["results"] if result["level"] in ("error", "warning")]
    return Reading(not errors and run["invocations"][0]["executionSuccessful"], failed=len(errors))


def read_allure(text: str) -> Reading:
    """With the model of allure-python-commons: an unknown field or status raises."""
    model = pytest.importorskip("allure_commons.model2", reason="pip install allure-python-commons")
    known = {value for name, value in vars(model.Status).items() if name.isupper()}
    results = []
    for name, body in json.loads(text).items():
        if name.endswith("-result.json"):
            result = model.TestResult(**body)
            model.StatusDetails(**result.statusDetails)
            labels = [model.Label(**label) for label in result.labels]
            assert {"parentSuite", "suite", "severity"} <= {label.name for label in labels}
            assert result.stop >= result.start
            results.append(result)
    statuses = [result.status for result in results]
    assert set(statuses) <= known
    assert len({result.uuid for result in results}) == len(results)
    failed = statuses.count("failed") + statuses.count("broken")
    return Reading(failed == 0, statuses.count("passed"), failed)


def read_prometheus(text: str) -> Reading:
    parser = pytest.importorskip("prometheus_client.parser", reason="pip install prometheus-client")
    samples = [sample for family in parser.text_string_to_metric_families(text) for sample in family.samples]
    keys = [(sample.name, tuple(sample.labels.items())) for sample in samples]
    assert len(set(keys)) == len(keys)
    values = {sample.name: sample.value for sample in samples}
    (verdict,) = [s.labels["verdict"] for s in samples if s.name == "aiharness_gate_verdict" and s.value == 1]
    green = values["aiharness_gate_pass"] == 1 and verdict == "PASS" and values["aiharness_gate_exit_status"] == 0
    counts = {"PASS": 0, "FAIL": 0}
    for sample in samples:
        if sample.name == "aiharness_checks" and sample.labels["verdict"] in counts:
            counts[sample.labels["verdict"]] += int(sample.value)
    return Reading(green, counts["PASS"], counts["FAIL"])


def read_intoto(text: str) -> Reading:
    """With the messages of in-toto's own package: an unknown field raises, and so does a wrong digest."""
    pytest.importorskip("in_toto_attestation", reason="pip install in-toto-attestation")
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    document = json.loads(text)
    message = ParseDict(document, Message())
    Statement.copy_from_pb(message).validate()
    ResourceDescriptor.copy_from_pb(message.subject[0]).validate()
    assert document["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    predicate = ParseDict(document["predicate"], TestResult())
    assert predicate.result in ("PASSED", "WARNED", "FAILED")
    assert bool(predicate.failed_tests) is (predicate.result == "FAILED")
    return Reading(predicate.result == "PASSED", len(predicate.passed_tests), len(predicate.failed_tests))


_COMMAND = re.compile(r"::(notice|warning|error) title=([^:,]*)::(.*)")


def read_annotations(text: str) -> Reading:
    """As the runner of GitHub Actions does: by line, `::command key=value::data`."""
    commands = [_COMMAND.fullmatch(line) for line in io.StringIO(text).read().splitlines()]
    assert all(commands)
    kinds = [command[1] for command in commands if command is not None]
    assert kinds.count("error") <= 10
    assert kinds.count("warning") <= 10
    return Reading(kinds[0] == "notice" and "error" not in kinds, failed=kinds.count("error"))


def read_markdown(text: str) -> Reading:
    head = text.partition("\n")[0]
    return Reading(head.startswith("## ✅ PASS") and "partial" not in head)


def read_json(text: str) -> Reading:
    run = json.loads(text)["run"]
    return Reading(run["verdict"] == "PASS" and run["exit_status"] == 0 and run["final"] and not run["partial"])


READERS: dict[str, Callable[[str], Reading]] = {
    "junit": read_junit,
    "ctrf": read_ctrf,
    "sarif": read_sarif,
    "allure": read_allure,
    "prometheus": read_prometheus,
    "intoto": read_intoto,
    "annotations": read_annotations,
    "summary": read_markdown,
    "markdown": read_markdown,
    "evidence": read_markdown,
    "json": read_json,
}
