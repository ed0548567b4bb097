"""The injector and its guardian against a real Toxiproxy."""

from __future__ import annotations

import http.server
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pytest

from harness.chaos.injector import Injector, check_allowed
from harness.chaos.run_experiment import lift_faults_of_runs, prepare_links
from harness.chaos.toxiproxy_api import ProxyGone
from harness.core.endpoint import Endpoint
from harness.core.errors import HarnessError, UsageError
from harness.core.experiment import ExperimentPlan, Fault, Link
from harness.core.fault import load_fault
from harness.core.registry import list_plugins
from harness.core.settings import Settings
from tests.chaos.chaosparts import Toxiproxy, eventually, fault, free_port

RUNNER = """
import sys, time
from dataclasses import asdict
from harness.core.experiment import Fault, Link
from harness.core.fault import load_fault
from harness.chaos.injector import Injector
kind, api = sys.argv[1:]
with Injector(Link("model", api, "model")) as injector:
    injector.settle()
    with injector.apply(Fault("model", kind, asdict(load_fault(kind).example), name="f")):
        print("on", flush=True)
        time.sleep(60)
"""


UNSEEN = [("slow_close", "upstream")]
"""What a client cannot see through a real Toxiproxy: that the server learns late of the client's end."""


def list_examples() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every kind that a Toxiproxy has, on every stream, with its example; and two other signatures of a kind."""
    for kind in map(load_fault, list_plugins("faults")):
        for stream in () if kind.needs_own_proxy or kind.example.is_idle else kind.streams:
            if (kind.name, stream) not in UNSEEN:
                yield kind.name, stream, asdict(kind.example)
    yield "bandwidth", "downstream", {"rate": 0}
    yield "timeout", "downstream", {"timeout": 100}


@pytest.mark.parametrize(("kind", "stream", "attributes"), [*list_examples()])
def test_each_kind_is_proved_and_lifted(
    toxiproxy: Toxiproxy, kind: str, stream: Literal["upstream", "downstream"], attributes: dict[str, Any]
) -> None:
    with Injector(toxiproxy.link()) as injector:
        injector.settle()
        with injector.apply(Fault("model", kind, attributes, stream, name="f")) as active:
            assert active.prove().confirmed == "probe", active.prove().detail
            active.renew()
        assert toxiproxy.state() == (True, [])
        injector.settle()


def test_a_fault_without_effect_is_not_proved(toxiproxy: Toxiproxy) -> None:
    with Injector(toxiproxy.link()) as injector:
        injector.settle()
        with injector.apply(fault("latency", latency=0)) as active:
            assert active.prove().confirmed == "none"


def test_rare_faults_are_probed_until_they_strike(toxiproxy: Toxiproxy) -> None:
    with Injector(toxiproxy.link()) as injector:
        injector.settle()
        with injector.apply(Fault("model", "reset_peer", {"timeout": 0}, toxicity=0.5, name="f")) as active:
            assert active.prove().confirmed == "probe"


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("latency", signal.SIGKILL),
        ("down", signal.SIGKILL),
        ("down", signal.SIGTERM),
        ("latency", signal.SIGINT),
        *(
            pytest.param(kind, number, marks=pytest.mark.catalogue)
            for kind in ("bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data")
            for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
        ),
    ],
)
def test_a_killed_runner_leaves_no_fault(toxiproxy: Toxiproxy, kind: str, number: signal.Signals) -> None:
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, kind, toxiproxy.api], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert runner.stdout is not None
    assert runner.stdout.readline() == b"on\n"
    toxiproxy.toxic("somebody-elses")
    assert toxiproxy.state()[0] is (kind != "down")
    runner.send_signal(number)
    assert runner.wait(10) != 0
    runner.stdout.close()
    assert eventually(lambda: toxiproxy.state() == (True, ["somebody-elses"]))


def test_without_a_guardian_nothing_is_put_on(toxiproxy: Toxiproxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with Injector(toxiproxy.link()) as injector:
        injector.settle()
        with pytest.raises(HarnessError, match="no fault is applied without it"), injector.apply(fault("latency")):
            pass
    assert toxiproxy.state() == (True, [])


def test_what_a_killed_run_left_is_lifted_first_with_a_note(toxiproxy: Toxiproxy) -> None:
    toxiproxy.toxic("aiharness-down-old", "noop")
    toxiproxy.toxic("aiharness-slow")
    toxiproxy.http.post("/proxies/model", json={"enabled": False})
    with Injector(toxiproxy.link()) as injector:
        injector.settle()
    assert toxiproxy.state() == (True, [])
    assert len(injector.notes) == 3


def test_a_link_that_somebody_else_disturbs_is_refused(toxiproxy: Toxiproxy) -> None:
    toxiproxy.toxic("theirs")
    with Injector(toxiproxy.link()) as injector, pytest.raises(UsageError, match="steady state: toxic 'theirs'"):
        injector.settle()
    assert toxiproxy.state() == (True, ["theirs"])


def test_a_proxy_that_somebody_else_disabled_stays_so(toxiproxy: Toxiproxy) -> None:
    toxiproxy.http.post("/proxies/model", json={"enabled": False})
    with Injector(toxiproxy.link()) as injector, pytest.raises(UsageError, match="the proxy is disabled"):
        injector.settle()
    assert toxiproxy.state() == (False, [])


def test_two_injectors_keep_their_addresses_apart(toxiproxy: Toxiproxy, reference: str) -> None:
    other = Toxiproxy(reference.removeprefix("http://"))
    try:
        with Injector(toxiproxy.link()) as one, Injector(other.link()) as two:
            one.settle()
            two.settle()
            with one.apply(fault("latency", latency=1)):
                assert [toxiproxy.state()[1], other.state()[1]] == [["aiharness-f"], []]
    finally:
        other.close()


def test_lift_ends_ours_and_only_ours(toxiproxy: Toxiproxy, tmp_path: Path) -> None:
    toxiproxy.toxic("aiharness-slow")
    toxiproxy.toxic("theirs")
    (tmp_path / "evidence.jsonl").touch()
    line = f'{{"name": "slow", "applied_at": 1.5, "lifted_at": null, "api": "{toxiproxy.api}"}}\n'
    (tmp_path / "faults.jsonl").write_text(line)
    assert lift_faults_of_runs([], [str(tmp_path)]) == [
        f"{toxiproxy.api}: toxic 'aiharness-slow' was removed from proxy 'model'"
    ]
    assert toxiproxy.state() == (True, ["theirs"])
    assert lift_faults_of_runs([toxiproxy.api]) == [f"{toxiproxy.api}: no fault of ours was on"]
    (tmp_path / "faults.jsonl").write_text(line + line.replace("null", "2.5"))
    assert lift_faults_of_runs([], [str(tmp_path)]) == []


def test_prepare_creates_the_proxies_that_are_missing(toxiproxy: Toxiproxy) -> None:
    port = free_port()
    link = Link("db", toxiproxy.api, "db", f"127.0.0.1:{port}", toxiproxy.listen)
    settings = Settings(Endpoint("http://127.0.0.1:1"), ("chaos",), links=(link, Link("unused", "http://x", "y")))
    assert not prepare_links(settings)
    settings = Settings(
        settings.endpoint,
        ("chaos",),
        links=settings.links,
        experiments=(ExperimentPlan.of_fault(fault("latency", link="db")),),
    )
    assert [f"127.0.0.1:{port} to {toxiproxy.listen}" in prepare_link for prepare_link in prepare_links(settings)] == [
        True
    ]
    assert toxiproxy.state("db") == (True, [])
    assert prepare_links(settings) == []
    settings = Settings(
        settings.endpoint,
        ("chaos",),
        links=settings.links,
        experiments=(ExperimentPlan.of_fault(fault("truncate_stream", link="db")),),
    )
    with pytest.raises(UsageError, match="fault proxy"):
        prepare_links(settings)


def test_what_is_not_there_is_said_in_one_line(toxiproxy: Toxiproxy) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ProxyGone, match=f"link 'db' \\({dead}\\): no Toxiproxy") as gone:
        Injector(Link("db", dead, "db"))
    assert "\n" not in str(gone.value)
    with pytest.raises(UsageError, match="there is no proxy 'db'"):
        Injector(Link("db", toxiproxy.api, "db"))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"a": 1}', b'{"a": {"name": 1}}', b"null", b"\xff\xfe"])
def test_what_is_no_toxiproxy_is_refused(body: bytes) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with pytest.raises(UsageError, match="not a Toxiproxy API"):
            Injector(Link("db", f"http://127.0.0.1:{server.server_port}", "db"))
        server.shutdown()


@pytest.mark.parametrize(
    ("api", "allow", "fine"),
    [
        ("http://127.0.0.1:8474", (), True),
        ("http://localhost:8474", (), True),
        ("http://[::1]:8474", (), True),
        ("http://10.0.0.7:8474", (), False),
        ("http://10.0.0.7:8474", ("10.0.0.7",), True),
        ("http://chaos.example:8474", ("chaos.example:8474",), True),
        ("http://chaos.example:8474", ("chaos.example:1",), False),
        ("http://127.0.0.1.example:8474", (), False),
        ("chaos", (), False),
    ],
)
def test_only_this_machine_and_allowed_hosts_are_disturbed(api: str, allow: tuple[str, ...], fine: bool) -> None:
    if fine:
        check_allowed(Link("db", api, "db"), allow)
    else:
        with pytest.raises(UsageError, match=r"\[targets\] allow"):
            check_allowed(Link("db", api, "db"), allow)


def test_without_the_extra_the_remedy_is_named(toxiproxy: Toxiproxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "toxiproxy", None)
    monkeypatch.delitem(sys.modules, "harness.chaos.toxiproxy_client", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'aiharness\[chaos\]'"):
        Injector(toxiproxy.link())
