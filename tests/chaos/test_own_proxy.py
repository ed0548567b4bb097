"""Experiments through the harness's own fault proxy: counters as proof, leases, and streams that are cut."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from harness.chaos import injector
from harness.chaos.guardian import Guardian
from harness.chaos.injector import Injector
from harness.chaos.judging import judge_integrity
from harness.chaos.recovery_judging import judge_recovery
from harness.core.errors import UsageError
from harness.core.experiment import Fault, Link
from harness.core.fault import load_fault
from harness.core.registry import list_plugins
from harness.core.verdict import Status
from harness.reference.deployment import Deployment
from tests.chaos.chaosparts import Run, eventually, fault, free_port, run_experiment, run_until_decided

pytest.importorskip("harness.chaos.proxy.server")


def link(deployment: Deployment, name: str = "backend-a") -> Link:
    return Link(name, deployment.proxy_api, name)


def toxics(deployment: Deployment, name: str = "backend-a") -> list[str]:
    data = httpx.get(f"{deployment.proxy_api}/proxies/{name}", trust_env=False).json()
    return [toxic["name"] for toxic in data["toxics"]]


CUT = Fault("backend-a", "truncate_stream", {"events": 3, "mode": "fin"}, duration=3.0, name="cut")


def test_a_gateway_that_ends_a_cut_stream_as_if_it_were_whole_fails(
    gate: Callable[..., Run], naive: Deployment
) -> None:
    session, run = gate(link(naive), url=naive.url)
    experiment = run_until_decided(session, run, CUT)
    assert judge_integrity(experiment).status is Status.FAIL, judge_integrity(experiment).reason
    assert "incomplete" in judge_integrity(experiment).reason
    assert judge_integrity(experiment).counterexamples
    assert experiment.proof.confirmed == "counter"
    assert experiment.proof.affected
    verdict = judge_recovery(experiment)
    assert verdict.status is Status.PASS, verdict.reason
    assert not toxics(naive)


def test_a_gateway_that_says_so_passes(gate: Callable[..., Run], hardened_deployment: Deployment) -> None:
    session, run = gate(link(hardened_deployment), url=hardened_deployment.url)
    experiment = run_until_decided(session, run, CUT)
    assert judge_integrity(experiment).status is Status.PASS, judge_integrity(experiment).reason
    assert experiment.proof.confirmed == "counter"


def test_what_is_cut_before_our_own_eyes_is_a_failure_in_the_open(gate: Callable[..., Run], naive: Deployment) -> None:
    listen = f"127.0.0.1:{free_port()}"
    front = Link("front", naive.proxy_api, "front", listen, naive.url.removeprefix("http://"))
    with Injector(front) as front_link:
        assert front_link.listen == listen
    session, run = gate(front, url=f"http://{listen}")
    experiment = run_until_decided(session, run, replace(CUT, link="front"))
    assert judge_integrity(experiment).status is Status.PASS, judge_integrity(experiment).reason
    assert experiment.proof.affected
    incomplete = sum(s.error == "incomplete" for s in experiment.samples)
    assert 0 < incomplete <= experiment.proof.affected <= 1.2 * incomplete + 2, "clients that leave are struck, too"


def test_a_fault_that_changes_answers_is_refused_before_our_own_eyes(
    gate: Callable[..., Run], naive: Deployment
) -> None:
    """Else the harness would judge its own changes."""
    listen = f"127.0.0.1:{free_port()}"
    front = Link("front2", naive.proxy_api, "front2", listen, naive.url.removeprefix("http://"))
    session, run = gate(front, url=f"http://{listen}")
    with pytest.raises(UsageError, match="wrong_model changes what answers say"):
        run_experiment(session, run, fault("wrong_model", link="front2"))


def test_kinds_say_whether_they_change_answers() -> None:
    rewriting = {name for name in list_plugins("faults") if load_fault(name).rewrites}
    on_http = {"answer_status", "delay_answer", "drip_answer", "hold_answer", "stall_stream", "truncate_stream"}
    of_tcp = {"bandwidth", "down", "latency", "limit_data", "noop", "reset_peer", "slicer", "slow_close", "timeout"}
    assert not rewriting & (on_http | of_tcp)
    assert rewriting >= {"stale_answer", "swap_answers", "wrong_model", "wrong_tensor", "empty_answer", "repeat_event"}


@pytest.mark.slow
def test_a_dead_backend_is_survived_and_that_is_known(
    gate: Callable[..., Run], hardened_deployment: Deployment
) -> None:
    session, run = gate(link(hardened_deployment), url=hardened_deployment.url)
    experiment = run_until_decided(session, run, fault("reset_peer", link="backend-a", duration=3.0, timeout=0))
    assert judge_integrity(experiment).status is Status.PASS, judge_integrity(experiment).reason
    assert all(s.is_good for s in experiment.fault_samples)
    assert experiment.proof.affected


@pytest.mark.usefixtures("quick_look")
def test_a_link_that_nobody_uses_has_not_been_struck(gate: Callable[..., Run], naive: Deployment) -> None:
    idle = Link("idle", naive.proxy_api, "idle", "127.0.0.1:0", "127.0.0.1:9")
    session, run = gate(idle, url=naive.url)
    experiment = run_experiment(session, run, fault("latency", link="idle", latency=50))
    assert (experiment.proof.confirmed, experiment.proof.affected) == ("none", 0), judge_integrity(experiment).reason
    assert judge_integrity(experiment).status is Status.INCONCLUSIVE
    assert "did not land" in judge_integrity(experiment).reason, judge_integrity(experiment).reason


def test_the_lease_lifts_where_nobody_else_does(naive: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injector, "LEASE", 1500)
    monkeypatch.setattr(Guardian, "watch", lambda *_: None)
    with Injector(link(naive)) as own:
        own.settle()
        with own.apply(fault("latency", latency=1)) as active:
            assert toxics(naive) == [active.name]
            active.renew()
            assert eventually(lambda: not toxics(naive), 5)


def test_down_is_lifted_by_its_lease_where_nobody_else_does(naive: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injector, "LEASE", 1500)
    monkeypatch.setattr(Guardian, "watch", lambda *_: None)
    with Injector(link(naive)) as own:
        own.settle()
        with own.apply(fault("down", link="backend-a")) as active:
            active.renew()
            assert not read_proxy(naive)["enabled"]
            assert eventually(lambda: read_proxy(naive)["enabled"] and not toxics(naive), 8)


def read_proxy(deployment: Deployment) -> dict[str, Any]:
    row: dict[str, Any] = httpx.get(f"{deployment.proxy_api}/proxies/backend-a", trust_env=False).json()
    return row


def test_an_own_proxy_that_is_down_is_enabled_again(naive: Deployment) -> None:
    with Injector(link(naive)) as own:
        own.settle()
        with own.apply(fault("down", link="backend-a")) as active:
            assert active.prove().confirmed == "probe"
        own.settle()
    assert not toxics(naive)


@pytest.mark.parametrize("kind", ["latency", "down"])
def test_two_runs_do_not_share_a_link(naive: Deployment, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The first renews its fault: the second neither lifts it nor passes by another's disturbance."""
    monkeypatch.setattr(injector, "LEASE", 1500)
    with Injector(link(naive)) as first, Injector(link(naive)) as second:
        first.settle()
        with first.apply(fault(kind, link="backend-a")) as active:
            stop = threading.Event()

            def renew() -> None:
                while not stop.wait(0.1):
                    active.renew()

            renewing = threading.Thread(target=renew)
            renewing.start()
            try:
                with pytest.raises(UsageError, match="another run keeps its fault"):
                    second.settle()
                assert toxics(naive), "it is still on"
            finally:
                stop.set()
                renewing.join()
        second.settle()
