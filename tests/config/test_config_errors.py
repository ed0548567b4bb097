"""Whatever is wrong in the configuration is one clear error with its place; nothing else ever comes out."""

from __future__ import annotations

import contextlib
import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.config.sections import CredentialsSection, EndpointSection, ObjectiveSection, ProfileSection, RunSection
from harness.core.endpoint import TLS, Deadlines, Template
from harness.core.errors import ConfigError, UsageError
from harness.core.settings import Promises
from harness.run.planning import build_plan
from harness.suite import list_checks
from tests.config.test_resolve import SMOKE, URL, read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[run]\n\nprofile = "relase"', r"toml:3: run.profile: unknown profile 'relase'.*Did you mean 'release'"),
        ('[run]\nsuites = ["smok"]', r"toml:2: run.suites: unknown suite 'smok'.*Did you mean 'smoke'"),
        (
            '[run]\nsuites = "smoke"',
            r"toml:2: run.suites: must be a list, got the text 'smoke'.*suites = \[\"smoke\"\]",
        ),
        ("[run]\nmax_requests = 0", r"toml:2: run.max_requests: .*over 0"),
        ("[run]\nmax_time = nan", r"toml:2: run.max_time: .*over 0"),
        ('[endpoint]\nprotocol = "v3"', r"toml:2: endpoint.protocol: unknown protocol 'v3'; known: .*auto, "),
        ('[endpoint]\nproxy = "http://[x"', r"toml:2: endpoint.proxy: is not a URL"),
        ('[endpoint]\nproxy = "http://u:abc@p:1"', r"toml:2: endpoint.proxy: its password is shorter"),
        ("[endpoint.deadlines]\ntotal = nan", r"toml:2: endpoint.deadlines.total: must be over 0"),
        ("[endpoint.deadlines]\ntotal = inf", r"toml:2: endpoint.deadlines.total: must be finite, got inf"),
        ("[promises]\nrate_limit = 0", r"toml:2: promises.rate_limit: must be over 0, got 0"),
        ("[load]\nprocesses = 0", r"toml:2: load.processes: must be over 0, got 0"),
        ("[adversarial]\neps = -0.1", r"toml:2: adversarial.eps: must be over 0, got -0.1"),
        ("[chaos]\nbaseline = 0", r"toml:2: chaos.baseline: must be over 0, got 0"),
        ("[[fault]]\nlink = 'a'\nkind = 'down'\nduration = 0", r"toml:4: fault\[0\].duration: must be over 0, got 0"),
        ("[endpoint.credentials]\nrefresh = 0", r"toml:2: endpoint.credentials.refresh: must be over 0, got 0"),
        ("[endpoint.headers]\nX = 3", r"toml:2: endpoint.headers.X: must be a text, got 3: write it in quotes"),
        ("[endpoint]\ndeadlines = { conect = 1 }", r"toml:2: endpoint.deadlines.conect: .*Did you mean 'connect'"),
        ("endpoint.deadlines.conect = 1", r"toml:1: endpoint.deadlines.conect: .*Did you mean 'connect'"),
        ("[promises]\nlatency_ceiling = nan", r"toml:2: promises.latency_ceiling: must be over 0, got nan"),
        ("[promises]\ncertificate_days = -1", r"toml:2: promises.certificate_days: must be over 0"),
        ("[reference]\nfile = 'm:f'\nlimit = 1.0", r"toml:3: reference.limit: must be a share from 0 to under 1"),
        ("[reference]\nfile = 'm:f'\natol = -1", r"toml:3: reference.atol: must be 0 or more, got -1"),
        ("[reference]\nfile = 'm:f'\nmargin = 2", r"toml:3: reference.margin: must be a share over 0 and under 1"),
        ("[[relation]]\nkind = 'symmetry'\nlimit = 1", r"toml:3: relation\[0\].limit: must be a share from 0 to"),
        ("[[relation]]\nkind = 'symmetry'\ntolerance = nan", r"toml:3: relation\[0\].tolerance: must be 0 or more"),
        ("[[relation]]\nkind = 'symmetry'\nsearch = -1", r"toml:3: relation\[0\].search: must be 0 or more, got -1"),
        ("[capacity]\ntarget_rate = 9\nprice_per_hour = -1", r"toml:3: capacity.price_per_hour: must be 0 or more"),
        (
            "[data]\nslice_margin = 0.5",
            r"toml:2: data.slice_margin: must be a difference of shares over 0 and under 0.5",
        ),
        ("[data]\ncosine = 1.1", r"toml:2: data.cosine: must be from -1 to 1, got 1.1"),
        ("[evaluation]\nthreshold = -1", r"toml:2: evaluation.threshold: must be a cosine, over -1 and at most 1"),
        ("[platform.a]\nserves = 2", r"toml:2: platform.a.serves: must be from 0 to 1, a share of the requests, got 2"),
        (
            '[promises]\ndeterministic = "yes"',
            r"toml:2: promises.deterministic: must be true or false.*deterministic = true",
        ),
        ("[profile.mine]\nquantile = 1.0", r"toml:2: profile.mine.quantile: must be over 0"),
        ("[profile.mine]\ntolerance = nan", r"toml:2: profile.mine.tolerance: must be a factor"),
        ("objective = 3", r"toml:1: objective: must be a list of tables, got 3: write \[\[objective\]\]"),
        ("[[objective]]\nsuit = 'smoke'", r"toml:2: objective\[0\].suit: .*Did you mean 'suite'"),
        ("objective = [{ suit = 'smoke' }]", r"toml:1: objective\[0\].suit: .*Did you mean 'suite'"),
        ("a = " + "[" * 3000, r"aiharness.toml: is not TOML"),
        ("[run]\nseed = " + "1" * 5000, r"aiharness.toml: is not TOML"),
        ("[run]\nseed = 1\nseed = 2", r"aiharness.toml:3: the key seed stands twice"),
        ("[endpoint]\nurl = 'x", r"aiharness.toml:2: is not TOML.*closing quote"),
    ],
    ids=lambda value: value[:40] if "toml" not in value else "",
)
def test_what_is_wrong_names_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    options = Options(suites=() if "suites" in text else ("smoke",), endpoint=URL)
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text, options)


@pytest.mark.parametrize(
    ("objective", "place"),
    [
        ('metric = "latency p50"\nlimit = "<= 1s"', "6: objective[0].metric"),
        ('metric = "latency"\nlimit = "<= 1.2.3s"', "7: objective[0].limit"),
        ('metric = "latency"\nlimit = "<= 1s"\nmargin = nan', "8: objective[0].margin"),
        ('metric = "latency"\nlimit = "<= 1s"\nconfidence = nan', "8: objective[0].confidence"),
        ('metric = "accuracy"\nlimit = ">= 0.9"', "6: objective[0].metric"),
    ],
)
def test_objectives_that_cannot_be_judged_name_their_line(tmp_path: Path, objective: str, place: str) -> None:
    text = f'[endpoint]\nurl = "{URL}"\n\n[[objective]]\nsuite = "smoke"\n{objective}'
    with pytest.raises(ConfigError, match=re.escape(f"toml:{place}: ")):
        read(tmp_path, text)


def test_the_address_in_the_file_is_blamed_on_the_file_and_no_other(tmp_path: Path) -> None:
    text = '[endpoint]\nurl = "ftp://x"'
    with pytest.raises(ConfigError, match=r"toml:2: endpoint.url: .*scheme 'ftp'"):
        read(tmp_path, text)
    with pytest.raises(UsageError, match="scheme 'gopher'") as caught:
        read(tmp_path, text, Options(suites=("smoke",), endpoint="gopher://x"))
    assert not isinstance(caught.value, ConfigError)


def test_an_empty_address_on_the_command_line_is_not_the_files(tmp_path: Path) -> None:
    """`--ai-endpoint=$URL` with URL unset must not judge whatever the file names."""
    text = f'[endpoint]\nurl = "{URL}"'
    with pytest.raises(UsageError, match="give a URL like"):
        read(tmp_path, text, Options(suites=("smoke",), endpoint=""))
    assert read(tmp_path, text, env={"AIHARNESS_ENDPOINT": ""}).endpoint.url == URL


def test_credentials_in_the_address_are_the_addresss_own(tmp_path: Path) -> None:
    given = Options(suites=("smoke",), endpoint="http://user:password@host")
    for text in ("", '[endpoint]\ncredentials = { env = "K" }'):
        endpoint = read(tmp_path, text, given, {"AIHARNESS_API_KEY": "sk-another", "K": "sk-third"}).endpoint
        assert endpoint.credentials is not None
        assert endpoint.credentials.build_headers() == (("Authorization", "Basic dXNlcjpwYXNzd29yZA=="),)
        assert "password" not in endpoint.url


@pytest.mark.parametrize(
    "secret", ["sk-0123456789\n", "sk-\u00e9\u00e9\u00e9", "sk-\udc80\udc80", "sk-\x00\x01", "sk-\x7f\x7f"]
)
@pytest.mark.parametrize("text", ["", '[endpoint]\ncredentials = { env = "AIHARNESS_API_KEY" }'])
def test_a_secret_that_no_header_can_hold_is_refused_without_showing_it(tmp_path: Path, text: str, secret: str) -> None:
    with pytest.raises(UsageError, match="no header can hold") as caught:
        read(tmp_path, text, Options(suites=("smoke",), endpoint=URL), {"AIHARNESS_API_KEY": secret})
    assert secret[:4] not in str(caught.value).replace("AIHARNESS", "")


def test_a_basic_secret_may_be_any_text(tmp_path: Path) -> None:
    text = f'[endpoint]\nurl = "{URL}"\ncredentials = {{ scheme = "basic", env = "K", username = "u" }}'
    assert read(tmp_path, text, env={"K": "päss wörd"}).endpoint.credentials is not None
    with pytest.raises(UsageError, match="no header can hold"):
        read(tmp_path, text, env={"K": "pass\udc80"})


@pytest.mark.parametrize(
    "content", ["tool = 3 # [tool.aiharness", "tool = [1] # [tool.aiharness", "# [tool.aiharness]"]
)
def test_a_pyproject_of_another_shape_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "pyproject.toml").write_text(content)
    settings = resolve_settings(Options(suites=("smoke",), endpoint=URL), {}, [tmp_path])
    assert settings.endpoint.url == URL


def test_a_pyproject_with_a_wrong_table_names_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\naiharness = 3\n# [tool.aiharness")
    with pytest.raises(ConfigError, match=r"pyproject.toml:2: \[tool.aiharness\] must be a table"):
        resolve_settings(Options(suites=("smoke",), endpoint=URL), {}, [tmp_path])


def test_folders_in_place_of_files_are_not_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").mkdir()
    (tmp_path / "pyproject.toml").mkdir()
    assert resolve_settings(Options(suites=("smoke",), endpoint=URL), {}, [tmp_path]).sources["configuration"] == "none"


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_bytes(b"\xef\xbb\xbf[run]\nseed = 5\n")
    assert resolve_settings(Options(suites=("smoke",), endpoint=URL), {}, [tmp_path]).seed == 5


def test_suites_all_and_twice() -> None:
    assert resolve_settings(Options(suites=("all",), endpoint=URL), {}, []).suites == (
        "smoke",
        "integration",
        "validation",
        "adversarial",
        "load",
        "chaos",
    )
    assert resolve_settings(Options(suites=("smoke", "smoke"), endpoint=URL), {}, []).suites == ("smoke",)
    with pytest.raises(UsageError, match="unknown report format 'pdf'"):
        resolve_settings(Options(suites=("smoke",), endpoint=URL, reports=("pdf:x",)), {}, [])


def known_tables() -> dict[str, list[str]]:
    """Each section of the file with its keys, from the model itself."""
    sections = {
        "endpoint": EndpointSection,
        "endpoint.credentials": CredentialsSection,
        "endpoint.deadlines": Deadlines,
    }
    more = {"endpoint.tls": TLS, "endpoint.template": Template, "promises": Promises, "run": RunSection}
    return {
        **{f"[{name}]": [item.name for item in fields(model)] for name, model in {**sections, **more}.items()},
        "[[objective]]": [item.name for item in fields(ObjectiveSection)],
        "[profile.pr]": [item.name for item in fields(ProfileSection)],
    }


SCALARS = st.sampled_from(
    ['"smoke"', '"latency"', '"<= 1s"', '"<= 1.2.3"', '"http://h"', '"http://[x"', '"p\\u0000q"', '"{{input}}"', '""',
     '"/x"', "1", "0", "-1", "10000000000", "0.5", "1.0", "1e308", "nan", "inf", "-inf", "true", "1979-05-27", "[]",
     "{}", '["smoke"]', '{ a = "b" }', "[1, [2]]", '"warn"', '"pr"', '"basic"', '"K"']
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> str:
    head, keys = draw(st.sampled_from(sorted(known_tables().items())))
    chosen = draw(st.lists(st.sampled_from(keys), unique=True, max_size=5))
    return "\n".join([head, *(f"{key} = {draw(SCALARS)}" for key in chosen)])


@pytest.mark.slow
@hypothesis_settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(tables(), max_size=4, unique_by=lambda part: part.split("\n")[0]), key=st.text(max_size=6))
def test_any_value_of_any_key_is_a_plan_or_a_usage_error(tmp_path: Path, parts: list[str], key: str) -> None:
    (tmp_path / "aiharness.toml").write_text("\n".join(parts))
    declared = [(d.id, d.suite, d.spec) for d in list_checks("smoke")]
    with contextlib.suppress(UsageError):
        settings = resolve_settings(SMOKE, {"AIHARNESS_ENDPOINT": URL, "K": key or "x"}, [tmp_path])
        settings.endpoint.list_secrets()
        assert build_plan(settings, declared).hash
