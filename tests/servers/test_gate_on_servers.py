"""All six suites judge real servers by one example file each, with the decisions that docs/servers.md states."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import GateOutcome, run_gate
from tests.servers.conftest import EXAMPLES
from tests.servers.processes import ServerProcess, free_port

pytestmark = pytest.mark.servers
SUITES = ("smoke", "integration", "validation", "adversarial", "load", "chaos")


def _example(folder: Path, name: str, changes: dict[str, str]) -> None:
    """The examples, with `name` as aiharness.toml; every change must find its place."""
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    text = (folder / name).read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "aiharness.toml").write_text(text)


def _through(proxy: ServerProcess, listen: int, server: ServerProcess, port: int) -> dict[str, str]:
    """The example's ports, with free ones in their place."""
    return {
        f"127.0.0.1:{listen}": f"127.0.0.1:{free_port()}",
        "http://127.0.0.1:8474": proxy.url,
        f'"127.0.0.1:{port}"': f'"{server.url.removeprefix("http://")}"',
    }


def _unlike(outcome: GateOutcome, verdict: str) -> set[str]:
    assert outcome.gate is not None, outcome.out + outcome.err
    return {c["id"].split("::")[1] for c in outcome.gate["checks"] if c["verdict"] == verdict}


def _list_judged_suites(outcome: GateOutcome) -> set[str]:
    """Suites with a check that passed."""
    assert outcome.gate is not None
    return {check["suite"] for check in outcome.gate["checks"] if check["verdict"] == "PASS"}


NOT_FINITE = ("nan", "infinity", "overflow")
MLFLOW_LEAKS = {"test_survives_values", *(f"test_survives[{name}]" for name in NOT_FINITE)}
"""Where MLflow's scoring server shows its traceback: a number that is none, and null in a row."""
MLFLOW_WARNS = {
    *("test_one_shape", "test_refused_values", "test_smuggling"),
    *(f"test_refused[{name}]" for name in (*NOT_FINITE, "huge_number", "type_none", "deep_nesting")),
}


SLOWED = {"test_recovers[reset-link]", "test_objective[reset-link-recovery]", "test_objective[latency-p95]"}
"""What a machine that is busy with other tests keeps from a PASS: MLflow is slow on it after the fault, too."""


@pytest.mark.ci
def test_mlflow_fails_for_its_tracebacks(
    tmp_path: Path, mlflow_chances: ServerProcess, fault_proxy: ServerProcess
) -> None:
    """Beside them, a RecursionError over 20,000 nested arrays, and other bad inputs, are reported as its own faults."""
    _example(tmp_path, "mlflow.toml", _through(fault_proxy, 15000, mlflow_chances, 5000))
    outcome = run_gate(tmp_path, suite="all", timeout=240)
    assert outcome.status == 1, outcome.out + outcome.err
    assert _unlike(outcome, "FAIL") - SLOWED == MLFLOW_LEAKS | MLFLOW_WARNS
    assert not (_unlike(outcome, "INCONCLUSIVE") | _unlike(outcome, "ERROR")) - SLOWED
    assert _list_judged_suites(outcome) == set(SUITES)
    assert "HTTP 500" in outcome.check("test_refused[deep_nesting]")["reason"]
    assert outcome.check("test_accuracy[accuracy]")["n"] == 359
    assert outcome.check("test_square[robust_accuracy]")["n"] == 60
    assert outcome.gate is not None
    assert [fault["confirmed"] for fault in outcome.gate["faults"]] == ["counter"] * 3


def test_mlflow_with_labels_alone_is_attacked_by_labels(tmp_path: Path, mlflow_server: ServerProcess) -> None:
    """Square needs scores: RayS takes its place, within the same limit, and the verdict says so."""
    _example(tmp_path, "mlflow.toml", {})
    outcome = run_gate(tmp_path, f"--ai-endpoint={mlflow_server.url}", suite="adversarial", timeout=200)
    row = outcome.check("test_square[robust_accuracy]")
    assert row["verdict"] == "PASS", outcome.out + outcome.err
    assert "RayS" in row["reason"]
    assert outcome.status == 0


SILENCED = {"test_recovers[cut-stream]", "test_objective[cut-stream-recovery]"}
"""What fails when Ollama 0.17.4 falls silent for good after cut streams, as it did in 1 of 6 runs (docs/servers.md)."""


def test_ollama_fails_for_the_limit_that_it_ignores(
    tmp_path: Path, ollama_to_disturb: ServerProcess, fault_proxy: ServerProcess
) -> None:
    """Of a run in which it falls silent for clients that left (L1 in docs/servers-llm.md), only that is judged."""
    _example(tmp_path, "ollama.toml", _through(fault_proxy, 21434, ollama_to_disturb, 11434))
    outcome = run_gate(tmp_path, suite="all", timeout=900)
    assert outcome.status == 1, outcome.out + outcome.err
    failed = _unlike(outcome, "FAIL")
    if "test_leaving_uses_nothing_up" in failed:
        return
    expected = {"test_spellings", "test_max_tokens", "test_special_tokens", "test_refused"}
    expected |= {"test_one_shape", "test_accuracy[accuracy-sum]", "test_refused_values", "test_smuggling"}
    expected |= {f"test_refused[{name}]" for name in ("invalid_utf8", "trailing_garbage")}
    unread = ("max_tokens_negative", "max_tokens_zero", "temperature_negative", "n_zero", "stop_number")
    broken = ("temperature_huge", "presence_penalty_huge", "frequency_penalty_huge")
    schemas = ("pattern_that_does_not_compile", "schema_with_dangling_reference")
    expected |= {f"test_refused_parameter[{name}]" for name in (*unread, *broken, *schemas)}
    assert failed - SILENCED == expected, outcome.out
    assert _list_judged_suites(outcome) == set(SUITES)
    assert "under the other name" in outcome.check("test_spellings")["reason"]
    assert outcome.check("test_objective[ttft-p95]")["verdict"] == "PASS"
    assert outcome.check("test_equals_singles")["verdict"] == "SKIPPED"
    assert outcome.gate is not None
    assert [fault["confirmed"] for fault in outcome.gate["faults"]] == ["counter"] * 2


def test_ollama_with_one_word_changed_fails(tmp_path: Path, ollama_server: ServerProcess) -> None:
    """Not a rubber stamp: one golden output of thirty says another place."""
    _example(tmp_path, "ollama.toml", {})
    golden = tmp_path / "chat_golden.jsonl"
    golden.write_text(golden.read_text().replace("The red fox is on the roof.", "The red fox is by the river."))
    outcome = run_gate(tmp_path, f"--ai-endpoint={ollama_server.url}", suite="validation", timeout=120)
    assert outcome.status == 1, outcome.out + outcome.err
    assert outcome.check("test_golden")["verdict"] == "FAIL"
    assert "1 of 30 cases" in outcome.check("test_golden")["reason"]
