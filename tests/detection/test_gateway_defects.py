"""The seeded defects of the gateway, the experiments that must see them, and the catalogue of docs/chaos-catalogue.md.

`python -m benchmarks.chaos_detection` runs all of them; a sample runs here.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks._detection import CheckRow, RunOutcome, run_deployment_trial
from benchmarks.chaos_detection import is_caught
from detection.catalogue import (
    experiment_names,
    gateway_defect_names,
    load_gateway_defect,
    read_experiment,
    switch_names,
)
from detection.switch import CHAT, Defect
from harness.core.errors import UsageError
from harness.core.fault import load_fault
from harness.reference.gateway import create_gateway
from tests.catalogues import sample_cases

CATALOGUE = Path(__file__).parents[2] / "docs" / "chaos-catalogue.md"
_TRIALS = 3
"""Only a run that says that this machine was too busy is made again."""


def read_rows() -> list[list[str]]:
    """The cells of each row of the catalogue."""
    lines = [line for line in CATALOGUE.read_text("utf-8").splitlines() if re.match(r"\| \d+ \|", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def find_names(cell: str) -> list[str]:
    return re.findall(r"`([a-z_0-9]+)`", cell)


@pytest.mark.parametrize("name", gateway_defect_names())
def test_each_defect_describes_itself_and_makes_a_gateway(name: str) -> None:
    defect = load_gateway_defect(name)
    assert "\n" not in defect.title
    assert defect.words
    assert defect.caught_by.startswith(("ai-suite/chaos/", "ai-suite/load/"))
    assert defect.experiment in experiment_names()
    create_gateway("hardened", ["http://127.0.0.1:9"], None, defect=name)


def test_an_unknown_defect_and_one_of_the_naive_edition_are_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown gateway defect 'no_failove'.*Did you mean 'no_failover'"):
        create_gateway("hardened", [], None, defect="no_failove")
    with pytest.raises(UsageError, match="naive has none"):
        create_gateway("naive", [], None, defect="no_failover")


def test_only_the_named_words_of_the_named_check_count() -> None:
    defect = load_gateway_defect("swallowed_error")
    row = CheckRow(f"{defect.caught_by}[x]", "blocker", "FAIL", "1 of 9 answers were wrong: its end is missing")
    assert is_caught(defect, RunOutcome("x", CHAT, 1, 1.0, 2, (row,)))
    for other in (replace(row, reason="it failed"), replace(row, verdict="INCONCLUSIVE"), replace(row, id="other")):
        assert not is_caught(defect, RunOutcome("x", CHAT, 1, 1.0, 2, (other,)))


def test_every_experiment_is_used_and_disturbs_both_links_or_one() -> None:
    assert {load_gateway_defect(name).experiment for name in gateway_defect_names()} == set(experiment_names())
    for name in experiment_names():
        experiment = tomllib.loads(read_experiment(name))
        faults = experiment.get("fault", []) + [f for e in experiment.get("experiment", []) for f in e["fault"]]
        assert len(faults) == int("load" not in experiment), name


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_cases(gateway_defect_names(), "swallowed_error"))
def test_a_defect_is_named(name: str) -> None:
    defect = load_gateway_defect(name)
    for _ in range(_TRIALS):
        outcome = run_deployment_trial(defect.experiment, defect.caught_by.split("/")[1], gateway_defect=name)
        if not any("machine was too busy" in row.reason for row in outcome.rows):
            break
    assert is_caught(defect, outcome), (outcome.rows, outcome.trouble)


def test_the_catalogue_has_every_row_and_names_what_exists() -> None:
    rows = read_rows()
    assert [int(row[0]) for row in rows] == list(range(1, 35))
    for number, _, injected, _, shown in rows:
        assert injected, number
        for name in find_names(injected):
            load_fault(name)  # raises for an unknown one
        own, _, service = shown.partition("*service*")
        assert set(find_names(own)) <= set(gateway_defect_names()), number
        assert set(find_names(service)) <= set(switch_names(Defect)), number


def test_each_gateway_defect_is_in_the_catalogue() -> None:
    shown = {name for row in read_rows() for name in find_names(row[4])}
    assert set(gateway_defect_names()) <= shown, set(gateway_defect_names()) - shown
