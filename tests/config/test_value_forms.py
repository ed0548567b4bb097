"""Each wrong value of the configuration is answered with what was given, what is allowed and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.options import Options
from harness.config.sections import EndpointSection
from harness.config.value_forms import find_form_problem, read_number
from harness.core.errors import ConfigError
from tests.config.test_resolve import SMOKE, URL, read

SECRET = "sk-0123456789abcdef"
OBJECTIVE = '[[objective]]\nsuite = "smoke"\nmetric = "latency p95"\n'
LINK = '[links.a]\napi = "http://127.0.0.1:8474"\n'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[objective]\nsuite = "smoke"', (":1: objective: must be a list of tables, got one table", "[[objective]]")),
        ('[fault]\nlink = "a"', (":1: fault: ", "[[fault]], with two pairs of brackets")),
        ("[objectives]", (":1: ", "Did you mean 'objective'? Write [[objective]] above each")),
        ("[[load]]\nrate = 2", (":1: load: must be a table", "write [load], with one pair of brackets")),
        ("[[endpoint]]\nhttp2 = true", (":1: endpoint: ", "write [endpoint], with one pair of brackets")),
        (OBJECTIVE + "limit = 800", (":4: objective[0].limit: must be a text, got 800", 'limit = "<= 800ms"')),
        (OBJECTIVE, (":1: objective[0]: limit is missing", 'write limit = "<= 800ms"')),
        (OBJECTIVE + 'limit = "800ms"', ("has no direction (<= or >=)", "'<= 800ms'")),
        (OBJECTIVE + 'limit = "= 800ms"', ("begins with =", "'<= 800ms'")),
        (OBJECTIVE + 'limit = "<= -8ms"', ("is negative", "'<= 800ms'")),
        (OBJECTIVE + 'limit = "<= ms"', ("has no number", "'<= 800ms'")),
        (OBJECTIVE + 'limit = "<= 8 minutes"', ("has the unit 'minutes'", "units: ms, s, us, %")),
        (OBJECTIVE + 'limit = "<= 800"', (":4: objective[0].limit: ", "has no unit: write '<= 800ms' or '<= 800s'")),
        (OBJECTIVE + 'limit = ""', (":4: objective[0].limit: ", "is empty", 'like "<= 800ms"')),
        (OBJECTIVE + 'limit = "<= 1s"\nconfidence = 95', ("confidence 95.0 must lie in [0.5, 1), like 0.95",)),
        (OBJECTIVE + 'limit = "<= 1s"\nlevel = "warning"', ("unknown level 'warning'", "Did you mean 'warn'?")),
        (OBJECTIVE.replace("latency p95", "p95 latency") + 'limit = "<= 1s"', ("write like 'latency p95'",)),
        (OBJECTIVE.replace("latency p95", "latency_p95") + 'limit = "<= 1s"', ("'latency p95'",)),
        (OBJECTIVE.replace("latency", "latncy") + 'limit = "<= 1s"', ("Did you mean 'latency'?",)),
        ('[load]\nrate = "20/s"', (":2: load.rate: must be a number (requests/s), got the text '20/s'", "rate = 20")),
        ('[load]\nrate = "120 rpm"', ("without quotes and without a unit, as rate = 2",)),
        ('[load]\nduration = "5m"', ("must be a number (seconds)", "duration = 300")),
        ('[endpoint.deadlines]\ntotal = "1500ms"', ("as total = 1.5",)),
        ('[run]\nmax_requests = "2k"', ("must be a whole number", "max_requests = 2000")),
        ('[load]\nprocesses = "auto"', ("got the text 'auto'", "processes = 1")),
        ("[load]\nprocesses = 2.5", ("got 2.5: write it without a fraction, as processes = 2",)),
        ("[load]\nrate = true", ("must be a number (requests/s), got true",)),
        ("[load]\nrate = [20]", ("got a list: write it without brackets, as rate = 20",)),
        ("[load]\nmax_requests = 5", ("max_requests is a key of [run]: write it under that line",)),
        ("url = 'http://a'", (":1: url: ", "url is a key of [endpoint]")),
        ("[endpoint]\ntimeout = 5", ("[endpoint.deadlines] total",)),
        ("load = 20", (":1: load: must be a table, got 20: write [load] above its keys",)),
        ("[endpoint]\nmodel = ''", (":2: endpoint.model: is empty", "or leave the key out")),
        ("[endpoint]\nmodel = 7", ('write it in quotes, as model = "7"',)),
        ("[endpoint]\nhttp2 = 'yes'", ("must be true or false, got the text 'yes'", "http2 = true")),
        ("[endpoint]\ndeadlines = 5", ("must be a table, got 5: write deadlines = { total = 60 }, in seconds",)),
        ("[endpoint]\ntls = true", ("ca_file",)),
        ("[endpoint]\nreplicas = 'http://x'", ('replicas = ["http://x"]',)),
        ("[endpoint.template]\nbody = { x = 1 }", ("the body's JSON as a text in single quotes",)),
        ("[data]\nshape = '28x28'", ("shape = [28, 28]",)),
        ("[data]\nshape = [0]", ("every length must be over 0",)),
        ("[data]\ninputs = 'a, b'", ('inputs = ["a", "b"]',)),
        ("[data]\nmissing = 'nul'", ('must be one of "refuse", "null", "omit"', 'Did you mean "null"?')),
        ("[data]\nfile = 'nowhere.csv'", (":2: data.file: ", "nowhere.csv does not exist; give an existing file")),
        ("[data]\nfile = '.'", (":2: data.file: ", "is a directory; give a file in it")),
        ("[links]\na = 'http://127.0.0.1:8474'", (":2: links.a: must be a table", "[links.NAME]")),
        ("[links.a]\nproxy = 'x'", (":1: links.a: api is missing",)),
        ("[[fault]]\nlink = 'a'\nkind = 'down'", ("no link is configured", "[links.a]")),
        (LINK + "[[fault]]\nlink = 'a'\nkind = 'latency'\nlatency = 2", ("attributes = { latency = 2000 }",)),
        (LINK + "[[fault]]\nlink = 'a'\nkind = 'latency'\nduration = '10s'", ("duration = 10",)),
        ("[profile]\nquantile = 0.9", (":2: profile.quantile: must be a table", "[profile.NAME]")),
        ("[profile.mine]\nitems = -5", (":2: profile.mine.items: ", "over 0")),
        ("[profile.mine]\npoints = 7", (":2: profile.mine.points: ", "a share from 0 to under 1")),
        ("[run]\nseed = -1", (":2: run.seed: must be 0 or more, got -1",)),
        ("[run]\nsuites = []", (":2: run.suites: is empty",)),
        ("[adversarial]\nbudget = 10", ("attack 'square' needs eps", "give [adversarial] eps")),
        ("[suite]\nsmoke = 'x'", ("[suite.NAME]",)),
    ],
    ids=lambda value: value.replace("\n", " ") if isinstance(value, str) else "",
)
def test_a_wrong_value_is_answered_with_what_to_write(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    suites = ("smoke", "validation", "load", "chaos", "adversarial")
    options = Options(suites=() if "suites" in text else suites, endpoint=URL)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, options)
    message = str(caught.value)
    assert [part for part in parts if part not in message] == [], message
    assert "`" not in message  # the words of the parser behind it


@pytest.mark.parametrize(
    "text",
    [
        f'[endpoint]\ncredentials = "{SECRET}"',
        f'[endpoint]\ncredentials = ["{SECRET}"]',
        f'[endpoint]\napi_key = "{SECRET}"',
        f'[endpoint]\ntoken = "{SECRET}"',
        f'[endpoint.credentials]\ntoken = "{SECRET}"',
        f'[endpoint.credentials]\nenv = "{SECRET}"',
        f'[endpoint.credentials]\nenv = "{SECRET.replace("-", "_")}"',
        f'[endpoint.credentials]\nenv = ["{SECRET}"]',
    ],
)
def test_a_secret_in_the_file_is_not_shown_and_the_variable_is_asked_for(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, SMOKE, {"AIHARNESS_ENDPOINT": URL})
    message = str(caught.value)
    assert "0123456789" not in message
    assert 'env = "MY_API_KEY"' in message or 'as env = "MY_API_KEY"' in message or "brackets" in message


def test_a_variable_that_is_not_set_is_named_with_the_line_that_sets_it(tmp_path: Path) -> None:
    text = '[endpoint]\ncredentials = { env = "NOT_SET_ANYWHERE" }'
    with pytest.raises(ConfigError, match=r"toml:2: .*NOT_SET_ANYWHERE is empty or not set.*export NOT_SET_ANYWHERE="):
        read(tmp_path, text, SMOKE, {"AIHARNESS_ENDPOINT": URL})


@pytest.mark.parametrize(
    ("text", "name", "wanted", "number"),
    [
        ("20/s", "rate", float, 20),
        ("60/min", "rate", float, 1),
        ("90s", "duration", float, 90),
        ("2 hours", "max_time", float, 7200),
        ("1,000", "max_requests", int, 1000),
        ("5%", "toxicity", float, 0.05),
        ("many", "rate", float, None),
        ("5 parsecs", "duration", float, None),
    ],
)
def test_the_number_that_was_meant(text: str, name: str, wanted: type, number: float | None) -> None:
    assert read_number(text, name, wanted) == number


def test_right_values_have_no_problem() -> None:
    for given, hint in ((1, float), (2.0, int), ("a", str | None), ([], list[str]), ({}, EndpointSection), (3, object)):
        assert find_form_problem(given, hint, ("load", "key")) is None
