"""An experiment counts only when our own requests were struck: links that carry others' traffic, ours, or none."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from harness.chaos import judging, link_use
from harness.chaos.injector import Injector
from harness.chaos.judging import judge_integrity
from harness.chaos.recovery_judging import judge_recovery
from harness.core.experiment import Fault, Link
from harness.core.verdict import Status
from harness.reference.deployment import Deployment
from harness.stats.permutation import compute_rank_sum_p
from tests.chaos.chaosparts import Run, fault, free_port, run_experiment, run_until_decided

pytest.importorskip("harness.chaos.proxy.server")


@pytest.fixture(autouse=True)
def _failures_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine latencies of the same service differ."""
    monkeypatch.setattr(judging, "shows_effect", lambda _, latencies: math.inf in latencies)


def add_link(deployment: Deployment) -> Link:
    """A link to the service that its endpoint does not use."""
    return Link("other", deployment.proxy_api, "other", f"127.0.0.1:{free_port()}", deployment.url.partition("//")[2])


@contextlib.contextmanager
def send_foreign_traffic(link: Link) -> Iterator[None]:
    """Somebody else's requests over the link."""
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=f"http://{link.listen}", trust_env=False, timeout=2) as client:
            while not stop.wait(0.05):
                with contextlib.suppress(httpx.TransportError):
                    client.get("/v1/models", headers={"connection": "close"})

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        stop.set()
        asking.join()


@pytest.mark.catalogue  # `test_gateways.py` has a link with others' requests, too
@pytest.mark.slow
@pytest.mark.usefixtures("quick_look")
@pytest.mark.parametrize("kind", ["latency", "reset_peer", "down"])
def test_a_fault_that_struck_others_decides_nothing(
    gate: Callable[..., Run], hardened_deployment: Deployment, kind: str
) -> None:
    disturbance = Fault("other", kind, {"latency": 50} if kind == "latency" else {}, duration=2.0, name="f")
    link = add_link(hardened_deployment)
    session, run = gate(link, url=hardened_deployment.url)
    with Injector(link):
        pass  # the proxy is created
    with send_foreign_traffic(link):
        experiment = run_experiment(session, run, disturbance)
    for verdict in (judge_integrity(experiment), judge_recovery(experiment)):
        assert verdict.status is Status.INCONCLUSIVE, verdict.reason
        assert "did not follow our requests" in verdict.reason or experiment.proof.confirmed == "none"


@pytest.mark.catalogue  # `test_own_proxy.py` has the same with a fault that slows
@pytest.mark.usefixtures("quick_look")
def test_an_idle_link_that_is_down_decides_nothing(gate: Callable[..., Run], hardened_deployment: Deployment) -> None:
    session, run = gate(add_link(hardened_deployment), url=hardened_deployment.url)
    verdict = judge_integrity(run_experiment(session, run, fault("down", link="other")))
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason


@pytest.mark.catalogue
@pytest.mark.slow
def test_a_fault_that_retries_mask_passes(gate: Callable[..., Run], hardened_deployment: Deployment) -> None:
    """`test_own_proxy.py` has the same with connections that are reset."""
    session, run = gate(Link("backend-a", hardened_deployment.proxy_api, "backend-a"), url=hardened_deployment.url)
    experiment = run_until_decided(session, run, fault("down", link="backend-a", duration=3.0))
    assert judge_integrity(experiment).status is Status.PASS, judge_integrity(experiment).reason
    assert all(sample.is_good for sample in experiment.fault_samples)


@given(st.permutations(range(10)), st.integers(1, 9))
def test_the_p_value_is_that_of_the_exact_rank_test(values: list[int], size: int) -> None:
    chosen = [i < size for i in range(10)]
    expected = mannwhitneyu(values[:size], values[size:], alternative="greater", method="exact").pvalue
    assert compute_rank_sum_p(values, chosen) == pytest.approx(expected)


def test_foreign_traffic_of_any_shape_is_taken_for_ours_no_more_often_than_stated() -> None:
    random = np.random.default_rng(12)
    shapes = [
        np.arange(16.0),
        np.arange(16) % 2,
        np.ones(16),
        (np.arange(16) < 8).astype(float),
        random.pareto(1.1, size=16),
    ]
    for values in shapes:
        p = [compute_rank_sum_p(values, random.permutation([True] * 8 + [False] * 8).tolist()) for _ in range(100)]
        assert np.mean(np.array(p) <= link_use.USE_ALPHA) <= 0.03


def test_a_link_that_carries_half_of_the_requests_is_recognised() -> None:
    chosen = [True, False] * 8
    values = [100.0 if ours and i > 2 else 0.0 for i, ours in enumerate(chosen)]
    assert compute_rank_sum_p(values, chosen) <= link_use.USE_ALPHA
