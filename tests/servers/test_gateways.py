"""Real gateways and replicas under faults with known answers: the verdicts say what docs/findings.md says.

A machine that is too busy leaves a verdict open, never turns it round; then a test is skipped.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import GateOutcome, run_gate
from tests.servers.gateways import EXPERIMENTS, GATEWAYS, Gateway, start_gateway
from tests.servers.replicas import REPLICATED, Replicated, start_replicas
from tests.servers.row import EXAMPLES

pytestmark = pytest.mark.servers

HIDDEN = {
    "litellm": {"test_intact[cut]": "its end is missing"},
    "portkey": {
        "test_intact[cut]": "has no finish reason",
        "test_intact[reset]": "has no finish reason",
        "test_intact[broken-event]": "the body is not JSON",
    },
}
"""The checks that fail for a wrong answer that was declared a success: every other fault must fail visibly."""
NAMES = ("cut", "reset", "silence", "broken-event")


@pytest.mark.parametrize("gateway", GATEWAYS, ids=lambda gateway: gateway.name)
def test_a_gateway_before_streams_that_break(gateway: Gateway, tmp_path: Path) -> None:
    with start_gateway(gateway, tmp_path):
        outcome = run_gate(tmp_path, f"--ai-experiments={EXPERIMENTS}", suite="chaos", timeout=900)
    hidden = HIDDEN[gateway.name]
    failed = list_failed(outcome)
    for check in (outcome.check(f"test_intact[{name}]") for name in NAMES):
        name, verdict, reason = check["id"].rpartition("::")[2], check["verdict"], check["reason"]
        if verdict == "INCONCLUSIVE":
            pytest.skip(f"this machine is too busy for {gateway.name}: {name}: {reason}")
        assert (name in failed) == (name in hidden), f"{name}: {reason}"
        if verdict == "FAIL":
            assert hidden[name] in reason
        else:
            assert "failed visibly" in reason
            assert "; 0 of" not in reason, "a request was finished by the other backend"


@pytest.mark.parametrize("kind", REPLICATED, ids=lambda kind: kind.name)
def test_replicas_that_are_asked_to_end(kind: Replicated, tmp_path: Path) -> None:
    """Neither of them drains: answers on their way are lost."""
    with start_replicas(kind, tmp_path):
        file = EXAMPLES / "rolling_restart.toml"
        outcome = run_gate(tmp_path, f"--ai-experiments={file}", suite="chaos", timeout=400)
    drains = outcome.check("test_drains[rolling-restart]")
    if drains["verdict"] == "INCONCLUSIVE":
        pytest.skip(f"this machine is too busy for {kind.name}: {drains['reason']}")
    reason = list_failed(outcome)["test_drains[rolling-restart]"]
    assert "were lost" in reason
    assert ": 0 of" not in reason.partition("were lost")[0]


def test_a_replica_that_is_killed_behind_nginx(tmp_path: Path) -> None:
    """nginx says so for what was on its way, and asks the other one for what is new: the service recovers."""
    kind = next(kind for kind in REPLICATED if kind.name == "mlserver")
    with start_replicas(kind, tmp_path):
        file = EXAMPLES / "replica_killed.toml"
        outcome = run_gate(tmp_path, f"--ai-experiments={file}", suite="chaos", timeout=400)
    assert not list_failed(outcome).keys() & {"test_intact[killed]", "test_recovers[killed]"}, outcome.out
    for check in map(outcome.check, ("test_intact[killed]", "test_recovers[killed]")):
        if check["verdict"] == "INCONCLUSIVE" and "bound by the client" in check["reason"]:
            pytest.skip(f"this machine is too busy: {check['reason']}")
        assert check["verdict"] == "PASS", check["reason"]
    notes = str(outcome.check("test_intact[killed]")["notes"])
    assert "requests that were on their way when the fault began failed" in notes
    assert outcome.gate is not None
    assert [fault["confirmed"] for fault in outcome.gate["faults"]] == ["probe"]


def list_failed(outcome: GateOutcome) -> dict[str, str]:
    """The reason of each check that failed, by the name of its test."""
    assert outcome.gate is not None, outcome.out + outcome.err
    checks = outcome.gate["checks"]
    assert not [check for check in checks if check["verdict"] == "ERROR"], outcome.out
    return {check["id"].rpartition("::")[2]: check["reason"] for check in checks if check["verdict"] == "FAIL"}
