"""Forty-four things that a user writes wrongly: one message each, which says what was given and what to write.

The commands are called in this process; what needs an endpoint has one that is closed, or a web page.
"""

from __future__ import annotations

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from harness.chaos.run_experiment import prepare_links
from harness.commands.main import main
from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.errors import HarnessError
from harness.plugin.option_values import make_choice_reader, make_number_reader, refuse_unknown_paths
from harness.run.gate_run import GateRun
from harness.suite import list_checks
from tests.services import serving_handler

ENDPOINT = '[endpoint]\nurl = "http://127.0.0.1:9"\n'
LINK = '[links.a]\napi = "http://127.0.0.1:1"\n'
OBJECTIVE = '[[objective]]\nsuite = "smoke"\nmetric = "error_rate"\n'
RATE = '[[objective]]\nsuite = "load"\nmetric = "request_rate"\nlimit = ">= 40/s"\n'
DATA = '[data]\nfile = "d.csv"\n'
ROWS = "a,b,label\n1,2,x\n3,4,y\n"


def plan(folder: Path, text: str, suite: str) -> None:
    """Read the configuration and make everything that is made before an endpoint is asked."""
    (folder / "aiharness.toml").write_text(ENDPOINT + text)
    settings = resolve_settings(Options(suites=(suite,), run_dir=str(folder / "run")), {}, [folder])
    prepare_links(settings)
    GateRun(settings, list_checks(suite)).start(print)


@pytest.mark.parametrize(
    ("suite", "text", "parts"),
    [
        ("smoke", 'tls = { ca_file = "no.pem" }', ("toml:3: endpoint.tls.ca_file: ", "no.pem does not exist")),
        ("smoke", 'tls = { ca_file = "." }', ("toml:3: endpoint.tls.ca_file: ", "is a directory; give a file in it")),
        ("smoke", 'tls = { ca_file = "d.csv" }', ("holds no PEM certificate",)),
        ("smoke", 'sample_file = "no.png"', ("toml:3: endpoint.sample_file: ", "no.png does not exist")),
        ("smoke", 'sign = "no.py:sign"', ("toml:3: endpoint.sign: ", "no.py does not exist")),
        ("smoke", 'proxy = "socks9://x:1"', ("proxy 'socks9://x:1' cannot be used; give one like http://host:3128",)),
        ("smoke", 'replicas = ["localhost:8001"]', ("toml:3: endpoint.replicas[0]: ", "write http://localhost:8001")),
        ("smoke", 'headers = { "X Y" = "a" }', ("'X Y' is not a header name",)),
        ("smoke", 'headers = { X = "a\\nb" }', ("the value of X holds a control character",)),
        ("smoke", "deadlines = { total = 1e300 }", ("toml:3: endpoint.deadlines.total: must be at most 100,000,000",)),
        ("smoke", "[promises]\nunprovoked_failures = 5", ("toml:4: ", "a share over 0 and under 1, like 0.02, got 5")),
        ("smoke", '[promises]\ncertificate_days = "2 weeks"', ("(days), got the text", "certificate_days = 14")),
        ("smoke", '[promises]\nrequest_id = "X Y"', ("like request_id = \"X-Request-Id\", got 'X Y'",)),
        ("smoke", OBJECTIVE + 'limit = "<= 0.0001%"', ("toml:3: objective ", "cannot PASS", "Give a larger margin")),
        ("smoke", OBJECTIVE + 'limit = "<= 5%"\nslice = "x"', ("toml:7: objective[0].slice: ", "leave it out")),
        ("smoke", OBJECTIVE.replace("smoke", "integration") + 'limit = "<= 5%"', ("toml:4: ", "has no objectives")),
        (
            "load",
            RATE + "[load]\nrate = 20\n",
            ("toml:3: objective ", "asks 20 requests/s; give a [load] rate of about 44"),
        ),
        (
            "load",
            RATE + '[load]\nscenario = "ramp"\n',
            ("cannot PASS: a rate per second is judged under a steady load",),
        ),
        ("validation", DATA + 'label = "lable"', ("d.csv:1: lable: ", "Did you mean 'label'?")),
        (
            "validation",
            DATA + '[[objective]]\nsuite = "validation"\nmetric = "accuracy"\nlimit = ">= 50%"\nslice = "x"',
            ("toml:9: objective[0].slice: ", "name the columns that hold them with [data] slices"),
        ),
        (
            "validation",
            DATA
            + 'group = "a"\n[[objective]]\nsuite = "validation"\nmetric = "accuracy"\nlimit = ">= 50%"\nslice = "4"',
            ("unknown slice '4'; known: 1, 3",),
        ),
        ("load", "[load]\nprocesses = 1000", ("toml:4: load.processes: must be at most 64", "got 1000")),
        ("load", "[load]\nconcurrency = 1000000000", ("toml:4: load.concurrency: must be at most 100,000",)),
        ("load", "[load]\ninput_tokens = 200", ("got 200: write input_tokens = { mean = 200 }",)),
        (
            "load",
            "[load]\ninput_tokens = { mean = 5, min = 9 }",
            ("mean: must be at least min (9), got 5",),
        ),
        ("load", '[load]\ndataset = "no.jsonl"', ("toml:4: load.dataset: ", "no.jsonl does not exist")),
        ("load", "[load]\nramp = 10", ("unknown key 'ramp'", 'shape = "ramp" under [load]')),
        ("capacity", "[capacity]\nduration = 30", ("target_rate is missing: write target_rate = 20 under",)),
        ("chaos", LINK + '[[fault]]\nlink = "a"\nkind = "latency"', ("disturbs nothing", "{ latency = 300 }")),
        ("chaos", LINK + '[[fault]]\nlink = "a"\nkind = "noop"', ("fault[0].kind", "noop disturbs nothing")),
        (
            "chaos",
            LINK + '[[fault]]\nlink = "a"\nkind = "slicer"\nattributes = { average_size = 5, size_variation = 5 }',
            ("fault[0].attributes", "size_variation 5 must be less than average_size 5"),
        ),
        (
            "chaos",
            LINK + 'listen = "127.0.0.1:1"\n[[fault]]\nlink = "a"\nkind = "down"',
            ("toml:3: links.a: give both listen and upstream, or neither, like listen = ",),
        ),
        (
            "chaos",
            LINK + '[[fault]]\nlink = "a"\nkind = "down"',
            ("link 'a' (http://127.0.0.1:1): no Toxiproxy", "start one (aiharness proxy)"),
        ),
        ("chaos", '[links.a]\napi = "localhost:8474"\n', ("toml:4: links.a.api: ", "write http://localhost:8474")),
        (
            "chaos",
            LINK.replace("127.0.0.1", "10.1.2.3") + '[[fault]]\nlink = "a"\nkind = "down"',
            ("'10.1.2.3' is neither this machine nor on the allow-list; write [targets] allow = ['10.1.2.3']",),
        ),
    ],
    ids=lambda value: value.replace("\n", " ")[:60] if isinstance(value, str) else "",
)
def test_a_wrong_configuration_is_one_message_and_leaves_no_run(
    tmp_path: Path, suite: str, text: str, parts: tuple[str, ...]
) -> None:
    (tmp_path / "d.csv").write_text(ROWS)
    with pytest.raises(HarnessError) as caught:
        plan(tmp_path, text, suite)
    assert [part for part in parts if part not in str(caught.value)] == [], str(caught.value)
    assert not (tmp_path / "run").exists()


class WebPage(BaseHTTPRequestHandler):
    """The page of a web server, on every path."""

    def do_GET(self) -> None:
        page = b"<!DOCTYPE html><html><head><title>Welcome to nginx!</title></head></html>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.mark.parametrize(
    ("arguments", "status", "parts"),
    [
        (("list",), 4, ("KIND is missing; write like: aiharness list suites",)),
        (("detect",), 4, ("url is missing; write like: aiharness detect http://127.0.0.1:8000",)),
        ((), 4, ("COMMAND is missing; write like: aiharness gate --suite=smoke --ai-endpoint=",)),
        (("list", "fault"), 4, ("unknown kind 'fault'", "Did you mean 'faults'?")),
        (("init", "http://127.0.0.1:9", "--forse"), 4, ("unknown option '--forse'", "Did you mean '--force'?")),
        (
            ("demo", "--port", "99999"),
            4,
            ("--port: must be a port from 0 (a free one) to 65535, got '99999'",),
        ),
        (("demo", "--port", "http"), 4, ("must be a port from 0", "got 'http'")),
        (("proxy", "--port", "99999"), 4, ("address 99999: invalid port, it must be from 0 to 65535",)),
        (("proxy", "--listen", "x"), 4, ("unrecognized arguments: --listen x",)),
        (("gate", "--suite="), 4, ("--suite is empty: name suites, like --suite=smoke,load",)),
        (
            ("detect", "127.0.0.1:9"),
            4,
            ("endpoint '127.0.0.1:9' does not begin with http://", "write http://127.0.0.1:9"),
        ),
        (("lift", "127.0.0.1:9"), 21, ("Toxiproxy's API '127.0.0.1:9' does not begin", "write http://127.0.0.1:9")),
        (("proxy", "--host", "http://localhost"), 4, ("'http://localhost' is not an address alone",)),
        (("proxy", "--host", "localhost:8474"), 4, ("write --host 127.0.0.1, and the port with --port",)),
        (("compare", "http://127.0.0.1:9", "nowhere"), 4, ("'http://127.0.0.1:9' is a URL", "--ai-baseline=OTHER_URL")),
        (("detect", "http://127.0.0.1:9"), 21, ("was never reached: connect: ", "Nothing listens at this address")),
        (("report", "nowhere"), 4, ("'nowhere' is not a run: give a run directory",)),
        (("rerun", "nowhere", "x"), 4, ("'nowhere' is not a run: give a run directory",)),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)
def test_a_wrong_call_of_a_command(
    capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int, parts: tuple[str, ...]
) -> None:
    try:
        ended = main(arguments)
    except SystemExit as stop:
        ended = int(stop.code or 0)
    out, err = capfd.readouterr()
    assert [part for part in parts if part not in out + err] == [], out + err
    assert ended == status
    assert "Traceback" not in out + err


def test_a_web_page_is_no_api(capsys: pytest.CaptureFixture[str]) -> None:
    with serving_handler(WebPage) as url:
        assert main(["detect", url]) == 21
    shown = capsys.readouterr().out
    assert "every path is answered with a web page, titled 'Welcome to nginx!', not with an API's JSON" in shown
    assert "Another service may answer at this port" in shown


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("smoke", "'smoke' is no file or folder of tests: a suite is given as --ai-suite=smoke"),
        ("http://127.0.0.1:9", "an endpoint is given as --ai-endpoint=http://127.0.0.1:9"),
        ("no_such_test.py::test_x", "'no_such_test.py::test_x' is no file or folder of tests"),
    ],
)
def test_an_argument_that_is_no_file(tmp_path: Path, argument: str, message: str) -> None:
    with pytest.raises(pytest.UsageError) as caught:
        refuse_unknown_paths([str(tmp_path), argument], tmp_path)
    assert message in str(caught.value)


def test_the_values_of_options() -> None:
    for read, text, message in (
        (make_number_reader("--ai-max-time", float), "5m", "a number of seconds, got '5m': write --ai-max-time=300"),
        (make_number_reader("--ai-seed", int), "abc", "--ai-seed must be a whole number, got 'abc'"),
        (make_choice_reader("--ai-inconclusive", ("fail", "pass")), "pas", "Did you mean 'pass'?"),
    ):
        with pytest.raises(pytest.UsageError) as caught:
            read(text)
        assert message in str(caught.value)


def test_a_run_refused_at_its_start_ends_with_one_line(tmp_path: Path, reference: str) -> None:
    """What shows only when the endpoint is known leaves neither a run directory nor a block of open checks."""
    template = "protocol = 'plain_json'\nsample = [1]\ntemplate = { body = '{{inputs}}' }\n"
    (tmp_path / "aiharness.toml").write_text(f'[endpoint]\nurl = "{reference}"\n{template}')
    command = [sys.executable, "-m", "pytest", "--ai-suite=smoke", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 4
    assert ended.stderr.strip() == (
        "ERROR: [endpoint] template.body has {{inputs}}, and the input has no such field: [1]; "
        "the input itself is {{input}}"
    )
    assert "INCONCLUSIVE" not in ended.stdout
    assert os.listdir(tmp_path / ".aiharness" / "runs") == []
