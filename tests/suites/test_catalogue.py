"""What the packaged checks declare of themselves is true: ids, costs, levels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.core.adapter import Capabilities
from harness.core.registry import list_plugins
from harness.core.suite_policy import explain_ground, find_policy
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from harness.suite import list_checks
from tests.conftest import KEY, run_gate


@pytest.mark.parametrize("suite", list_plugins("suites"))
def test_every_check_declares_itself(suite: str) -> None:
    declared = list(list_checks(suite))
    ids = [d.id for d in declared]
    assert len(ids) == len(set(ids)) >= (20 if suite == "smoke" else 1)
    for check in declared:
        assert check.id.startswith(f"ai-suite/{suite}/test_")
        assert len(check.spec.title) > 5
        assert not check.spec.title.endswith(".")
        assert all(explain_ground(name) for name in check.spec.grounds)
        Capabilities().find_missing(check.spec.needs)


@pytest.mark.parametrize("suite", list_plugins("suites"))
def test_every_metric_of_a_suite_is_judged_by_a_check(suite: str) -> None:
    metrics = {metric.name for metric in find_policy(suite).metrics}
    judging = [check.spec for check in list_checks(suite) if "objective" in check.spec.per]
    named = {name for spec in judging for name in spec.metrics or metrics}
    assert named == metrics or suite == "capacity"  # its sweep judges all of them at once


def test_no_check_sends_more_than_it_declares(tmp_path: Path) -> None:
    config = '[endpoint]\nprotocol = "v2"\nmodel = "digits"\nversion = "1"\n[promises]\ndeterministic = true\n'
    (tmp_path / "aiharness.toml").write_text(config)
    with ReferenceProcess(ServiceSettings(api_key=KEY)) as server:
        for protocol in ("v2", "openai_chat"):
            args = [f"--ai-endpoint={server.url}", f"--ai-protocol={protocol}"]
            if protocol == "openai_chat":
                args.append("--ai-model=tiny-chat")
            outcome = run_gate(tmp_path, *args, env={"AIHARNESS_API_KEY": KEY}, run=protocol)
            assert outcome.status in (0, 20), outcome.out
            plan = json.loads((outcome.run_dir / "plan.json").read_text())
            allowed = {check["id"]: check["requests"] for check in plan["checks"]}
            sent = 0
            for id_, most in allowed.items():
                slug = id_.removeprefix("ai-suite/").replace("/", "-").replace("::", "-")
                slug = slug.replace("[", "-").replace("]", "").rstrip("-")
                path = outcome.run_dir / "exchanges" / f"{slug}.json"
                count = len(json.loads(path.read_text())) if path.exists() else 0
                assert count <= most, f"{id_} sent {count} requests and declares {most}"
                sent += count
            assert sent >= 15, "the exchanges were not found"
            assert (outcome.run_dir / ".requests").stat().st_size == sent
