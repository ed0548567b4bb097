"""Each seeded defect is caught by the check that it names, and healthy services are not failed.

A sample of `make detection`, which runs whole suites over all of them: here each defect meets its named check alone,
in one of its protocols, and three healthy variants meet both suites. `make test` has every fourth defect.
"""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from benchmarks._detection import (
    HEALTHY_PROMISES,
    KEY,
    KEYS,
    SHORT_DEADLINES,
    CheckRow,
    RunOutcome,
    RunRecords,
    build_configuration,
)
from benchmarks.detection import describe_alarms
from detection.catalogue import load_switch, switch_names
from detection.switch import CHAT, PLAIN, V2, Defect, Variant
from harness.core.verdict import Status
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.detection.judging import verdicts

Serving = Callable[[ServiceSettings], contextlib.AbstractContextManager[httpx.Client]]
KILLING = ("deep_nesting_wedges", "dies_on_deep_nesting", "lone_surrogate_crash", "maximum_crashes")
"""Defects that end or block the process they are in: these get one of their own."""
HEALTHY = [("large_answers", PLAIN), ("pretty_json", V2), ("crlf_sse", CHAT)]
ASKED = [name for name in switch_names(Defect) if not load_switch(Defect, name).load]
"""Defects that single requests show; those that need a load have tests in tests/load."""
LONG = ("limiter_leaks_on_refusal",)
"""Defects that take more than a minute to show."""
TURN = {name: number for number, name in enumerate(ASKED)}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks of a rate limit wait until its minute is over, for the sake of those after them."""
    for name, function in (("integration.test_rate_limit", "pause"), ("adversarial.test_rate_evasion", "wait_out")):
        module = importlib.import_module(f"harness.suites.{name}")
        monkeypatch.setattr(module, function, lambda seconds: None)


@contextlib.contextmanager
def _serve_defect(serving: Serving, name: str) -> Iterator[str]:
    settings = ServiceSettings(api_key=KEYS, defects=(name,))
    if name in KILLING:
        with ReferenceProcess(settings) as server:
            yield server.url
    else:
        with serving(settings) as client:
            yield str(client.base_url).rstrip("/")


@pytest.mark.parametrize("name", sample_cases(ASKED, *(name for name in ASKED[2::4] if name not in LONG)))
def test_a_defect_is_caught_by_its_check(tmp_path: Path, serving: Serving, name: str) -> None:
    defect = load_switch(Defect, name)
    protocol = defect.protocols[TURN[name] % len(defect.protocols)]
    with _serve_defect(serving, name) as url:
        seen = verdicts(tmp_path, url, defect, protocol, defect.caught_by)
    assert seen, f"no check of {defect.caught_by} is planned in {protocol} under {dict(defect.promises)}"
    failed = [verdict for verdict in seen.values() if verdict.status is Status.FAIL]
    assert failed, {id_: (str(verdict.status), verdict.reason) for id_, verdict in seen.items()}


CAUGHT = [("nan_in_200", PLAIN), ("missing_terminator", CHAT)]


@pytest.mark.parametrize(("name", "protocol"), sample_cases(CAUGHT, CAUGHT[1]))
def test_what_is_caught_fails_the_gate_and_can_be_replayed(tmp_path: Path, name: str, protocol: str) -> None:
    (tmp_path / "aiharness.toml").write_text(build_configuration(protocol, {}, SHORT_DEADLINES))
    with ReferenceProcess(ServiceSettings(api_key=KEY, defects=(name,))) as server:
        outcome = run_gate(tmp_path, f"--ai-endpoint={server.url}", env={"AIHARNESS_API_KEY": KEY})
    assert outcome.status == 1, outcome.out
    assert outcome.gate is not None
    expected = load_switch(Defect, name).caught_by
    row = next(c for c in outcome.gate["checks"] if c["id"].startswith(expected) and c["verdict"] == "FAIL")
    example = row["counterexamples"][0]
    assert example["pytest"] == row["id"]
    assert example["seed"] is not None
    assert example["curl"].startswith("curl ")
    assert KEY not in str(outcome.gate)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "protocol"), sample_cases(HEALTHY, ("pretty_json", V2)))
def test_a_healthy_variant_passes(tmp_path: Path, name: str, protocol: str) -> None:
    """With every promise that the service keeps, so that nearly every check judges it."""
    assert protocol in load_switch(Variant, name).protocols
    (tmp_path / "aiharness.toml").write_text(build_configuration(protocol, HEALTHY_PROMISES[protocol]))
    with ReferenceProcess(ServiceSettings(api_key=KEY, variants=(name,))) as server:
        env = {"AIHARNESS_API_KEY": KEY}
        outcome = run_gate(tmp_path, f"--ai-endpoint={server.url}", env=env, suite="smoke,integration", timeout=300)
    assert outcome.status == 0, outcome.out
    assert outcome.check("test_enforced[wrong]")["verdict"] == "PASS"


def test_an_interrupted_benchmark_goes_on_where_it_was(tmp_path: Path) -> None:
    """Only the runs that are not in the file are made again."""
    file = tmp_path / "records.jsonl"
    row = CheckRow("ai-suite/x", "blocker", "FAIL", "the answer is wrong")
    first = RunOutcome("jittery", PLAIN, 1, 3.2, 70, (row,))
    assert RunRecords(file).run_once("variant jittery 0", lambda: first) == first

    def run_again() -> RunOutcome:
        raise AssertionError("this run is in the file")

    again = RunRecords(file)
    assert again.run_once("variant jittery 0", run_again) == first
    assert again.run_once("variant jittery 1", lambda: replace(first, rows=())).rows == ()
    assert len(file.read_text().splitlines()) == 2


def test_a_line_that_a_killed_benchmark_left_unfinished_is_made_again(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    outcome = RunOutcome("jittery", PLAIN, 0, 3.2, 70, ())
    for key in ("variant jittery 0", "variant jittery 1"):
        RunRecords(file).run_once(key, lambda: outcome)
    file.write_bytes(file.read_bytes()[:-20])
    again = RunRecords(file)
    assert again.run_once("variant jittery 1", lambda: replace(outcome, seconds=4.0)).seconds == 4.0
    assert [json.loads(line)["key"][-1] for line in file.read_text().splitlines()] == ["0", "1"]


def test_the_bound_counts_variants_and_not_their_runs() -> None:
    """Runs with one variant depend on one another: 0 of 90 runs with 45 variants is 0 of 45."""
    healthy = [RunOutcome(name, PLAIN, 0, 3.0, 70, ()) for name in map(str, range(45))] * 2
    assert "0 of 90 healthy runs failed by a blocker, with 0 of 45 distinct variants" in describe_alarms(healthy)
    assert "fewer than 6.4% of such variants" in describe_alarms(healthy)
    row = CheckRow("ai-suite/x", "blocker", "FAIL", "the answer is wrong")
    assert "1 of 91 healthy runs failed by a blocker, with 1 of 45" in describe_alarms(
        [*healthy, RunOutcome("7", PLAIN, 1, 3.0, 70, (row,))]
    )
