"""Gateways before a model that promises nothing: lost text is seen, and links that carry few of our requests decide
nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from harness.chaos import judging, link_use
from harness.chaos.injector import Injector
from harness.chaos.judging import judge_integrity
from harness.chaos.recovery_judging import judge_recovery
from harness.core.experiment import ChaosSettings, Fault, Link
from harness.core.settings import Promises
from harness.core.verdict import Status
from tests.catalogues import sample_cases
from tests.chaos.chaosparts import Run, free_port, run_experiment, run_until_decided
from tests.chaos.gatewayparts import Gateway, Model, ping, serve
from tests.chaos.proxy.conftest import end_child, spawn

CUT = Fault("behind", "truncate_stream", {"events": 2, "mode": "fin"}, duration=2.0, name="cut")


@pytest.fixture(scope="module")
def proxy_api() -> Iterator[str]:
    child, url = spawn("--seed", "3")
    yield url
    assert end_child(child) == 0


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with serve(Model()) as address:
        yield address


def add_link(proxy_api: str, name: str, upstream: str) -> Link:
    link = Link(name, proxy_api, name, f"127.0.0.1:{free_port()}", upstream)
    with Injector(link):
        pass  # the proxy is created
    return link


def begin(gate: Callable[..., Run], link: Link, url: str) -> Run:
    """A session and its run, without any promise of determinism."""
    session, run = gate(link, url=f"http://{url}")
    chaos = {"chaos": ChaosSettings(rate=15.0, baseline=2.0, recovery=1.0)}
    session.settings = run.settings = replace(session.settings, promises=Promises(), sections=chaos)
    return session, run


def test_a_gateway_that_hides_a_cut_fails_without_any_promise(
    gate: Callable[..., Run], proxy_api: str, model: str
) -> None:
    """As litellm#33404: two words, a finish reason and a terminator in place of some fifteen words."""
    link = add_link(proxy_api, "hides", model)
    with serve(Gateway((link.listen or "",), hides=True)) as url:
        experiment = run_until_decided(*begin(gate, link, url), replace(CUT, link="hides"))
    verdict = judge_integrity(experiment)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "shorter than those to the same queries" in verdict.reason
    assert verdict.counterexamples
    assert experiment.proof.ours


@pytest.mark.catalogue
def test_a_gateway_that_says_so_passes_without_any_promise(
    gate: Callable[..., Run], proxy_api: str, model: str
) -> None:
    link = add_link(proxy_api, "honest", model)
    with serve(Gateway((link.listen or "",))) as url:
        experiment = run_until_decided(*begin(gate, link, url), replace(CUT, link="honest"))
    verdict = judge_integrity(experiment)
    assert verdict.status is Status.PASS, verdict.reason
    assert judge_recovery(experiment).status is Status.PASS


pytestmark = pytest.mark.slow
KINDS: dict[str, dict[str, int | float | str]] = {
    "latency": {"latency": 30},
    "bandwidth": {"rate": 1000},
    "timeout": {"timeout": 200},
    "reset_peer": {},
    "down": {},
    "truncate_stream": {"events": 2, "mode": "fin"},
}


WRONG_LINKS = [("one in fifty", "latency"), ("one in fifty", "down"), ("health checks", "reset_peer")]


@pytest.mark.parametrize(("case", "kind"), sample_cases(WRONG_LINKS, ("one in fifty", "latency")))
def test_a_link_that_carries_hardly_any_of_our_requests_decides_nothing(
    gate: Callable[..., Run], proxy_api: str, model: str, monkeypatch: pytest.MonkeyPatch, case: str, kind: str
) -> None:
    """`benchmarks/wrong_links.py` tries every kind of fault on four kinds of wrong links."""
    monkeypatch.setattr(link_use, "_LOADS", (4, 4))
    monkeypatch.setattr(judging, "shows_effect", lambda *_: False)  # on a busy machine latencies differ
    link = add_link(proxy_api, f"{case} {kind}", model)
    links: tuple[str, ...] = (model,)
    if case == "one in fifty":
        links = (link.listen or "", model)
    pinger = ping(link.listen or "") if case == "health checks" else contextlib.nullcontext()
    fault = Fault(link.name, kind, KINDS[kind], duration=2.0, name="f")
    with serve(Gateway(links, 50, retries=True)) as url, pinger:
        experiment = run_experiment(*begin(gate, link, url), fault)
    for verdict in (judge_integrity(experiment), judge_recovery(experiment)):
        assert verdict.status is Status.INCONCLUSIVE, verdict.reason
