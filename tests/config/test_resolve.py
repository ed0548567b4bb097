"""The configuration: who wins, and one clear line with file, line and key for everything that is wrong."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.config.toml_lines import find_line
from harness.core.errors import ConfigError, UsageError
from harness.core.settings import DEFAULT_SEED, Settings

URL = "http://file:1"


SMOKE = Options(suites=("smoke",))


def read(folder: Path, text: str, options: Options = SMOKE, env: dict[str, str] | None = None) -> Settings:
    (folder / "aiharness.toml").write_text(text)
    return resolve_settings(options, env or {}, [folder])


def test_command_line_over_environment_over_file_over_default(tmp_path: Path) -> None:
    text = f'[endpoint]\nurl = "{URL}"\nmodel = "file"\n[run]\nseed = 7\nprofile = "pr"\n'
    env = {"AIHARNESS_ENDPOINT": "http://env:2"}
    every = Options(suites=("smoke",), endpoint="http://cli:3", model="cli", seed=9, profile="strict")
    assert read(tmp_path, text, every, env).endpoint.url == "http://cli:3"
    assert read(tmp_path, text, every, env).profile.name == "strict"
    assert read(tmp_path, text, every, env).seed == 9
    assert read(tmp_path, text, env=env).endpoint.url == "http://env:2"
    settings = read(tmp_path, text)
    assert (settings.endpoint.url, settings.endpoint.model, settings.seed, settings.profile.name) == (
        URL,
        "file",
        7,
        "pr",
    )
    bare = resolve_settings(Options(suites=("smoke",), endpoint="http://cli:3"), {}, [])
    assert (bare.seed, bare.profile.name, bare.endpoint.protocol) == (DEFAULT_SEED, "release", "auto")


def test_pyproject_and_nearest_folder(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[tool.aiharness.endpoint]\nurl = "{URL}"\n')
    below = tmp_path / "below"
    below.mkdir()
    assert resolve_settings(Options(suites=("smoke",)), {}, [below, tmp_path]).endpoint.url == URL
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.aiharness.endpont]\nurl = "x"\n')
    with pytest.raises(ConfigError, match=r"pyproject.toml:3: endpont: .*Did you mean 'endpoint'"):
        resolve_settings(Options(suites=("smoke",)), {}, [below, tmp_path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[endpoint]\nurll = "x"', r"aiharness.toml:2: endpoint.urll: unknown key 'urll'; .*Did you mean 'url'"),
        ("[endpiont]\n", r"toml:1: endpiont: .*Did you mean 'endpoint'"),
        ("[endpoint]\nurl = 3", r"toml:2: endpoint.url: must be a text, got 3"),
        ("endpoint = 3", r"toml:1: endpoint: must be a table, got 3"),
        ("[endpoint.deadlines]\nconect = 1", r"toml:2: .*Did you mean 'connect'"),
        ('[endpoint.deadlines]\n\nconnect = "fast"', r"toml:3: endpoint.deadlines.connect"),
        ("[endpoint.deadlines]\ntotal = 0", r"toml:2: .*over 0"),
        ('[endpoint]\ncredentials = { scheme = "bearer", enf = "X" }', r"toml:2: .*Did you mean 'env'"),
        ('[endpoint]\ncredentials = { scheme = "token" }', r"toml:2: .*must be one of \"bearer\""),
        ('[endpoint]\ncredentials = { env = "NOT_SET_ANYWHERE" }', r"NOT_SET_ANYWHERE is empty or not set"),
        ('[endpoint]\ncredentials = { env = "A", file = "b" }', r"only one of"),
        ('[endpoint]\ncredentials = { file = "nowhere.txt" }', r"nowhere.txt cannot be read"),
        ('[endpoint]\nother_credentials = { scheme = "bearer" }', r"toml:2: .*where the other caller's secret is"),
        ('[endpoint]\nother_credentials = { env = "NOT_SET_ANYWHERE" }', r"NOT_SET_ANYWHERE is empty or not set"),
        ('[endpoint.template]\nbody = "{}"', r"toml:2: endpoint.template.body: must contain {{input}}"),
        ('[endpoint.template]\npath = "predict"', r"toml:2: endpoint.template.path: must start with a slash"),
        ('[[objective]]\nsuite = "smoke"\nmetric = "latency p95"', r"toml:1: objective\[0\].*limit"),
        (
            '[[objective]]\nsuite = "smoke"\nmetric = "latency"\nlimit = "<= 1s"\n[[objective]]\nsuite = "smok"\n'
            'metric = "latency"\nlimit = "<= 1s"',
            r"toml:6: objective\[1\].suite: .*Did you mean 'smoke'",
        ),
        (
            '[[objective]]\nsuite = "smoke"\nmetric = "latency"\nlimit = "1s"',
            r"toml:4: objective\[0\]\.limit: limit '1s'",
        ),
        (
            '[[objective]]\nsuite = "smoke"\nmetric = "latency"\nlimit = "<= 1s"\n' * 2,
            r"toml:5: .*another objective has the name 'latency-p99'",
        ),
        ("[profile.pr]\ntolerance = 0.5", r"toml:2: profile.pr.tolerance: must be a factor"),
        ("[profile.pr]\ntolerence = 2", r"Did you mean 'tolerance'"),
        ('[run]\nprofile = "fast"', r"unknown profile 'fast'"),
        ('[run]\nsuites = ["smok"]', r"."),
        ("[endpoint\n", r"is not TOML"),
        ('[endpoint]\nurl = "ftp://x"', r"scheme"),
        ('[endpoint]\nprotocol = "openai"', r"Did you mean 'openai_chat'"),
        ("[run]\nmax_requests = -1", r"over 0"),
    ],
)
def test_wrong_files_are_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    options = Options(suites=() if "smok" in text and "run" in text else ("smoke",))
    env = {} if "url" in text else {"AIHARNESS_ENDPOINT": URL}
    with pytest.raises(UsageError, match=message) as caught:
        read(tmp_path, text, options, env)
    assert len(str(caught.value).splitlines()) <= 3


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name, data in (("nowhere.toml", None), ("latin.toml", b'a = "\xe4"')):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(ConfigError, match=name):
            resolve_settings(Options(suites=("smoke",), config=str(tmp_path / name)), {}, [])
    with pytest.raises(ConfigError, match=r"is a directory; give the file in it"):
        resolve_settings(Options(suites=("smoke",), config=str(tmp_path)), {}, [])
    (tmp_path / "wide.toml").write_text("[run]\n", "utf-16")
    with pytest.raises(ConfigError, match=r"wide.toml: is UTF-16 text; save it as UTF-8"):
        resolve_settings(Options(suites=("smoke",), config=str(tmp_path / "wide.toml")), {}, [])
    with pytest.raises(UsageError, match="--ai-config is empty"):
        resolve_settings(Options(suites=("smoke",), config=""), {}, [])
    (tmp_path / "marked.toml").write_text(f'[endpoint]\nurl = "{URL}"\n', "utf-8-sig")
    options = Options(suites=("smoke",), config=str(tmp_path / "marked.toml"))
    assert resolve_settings(options, {}, []).endpoint.url == URL


def test_credentials_from_everywhere(tmp_path: Path) -> None:
    key = "sk-0123456789"
    (tmp_path / "key.txt").write_text(f"{key}\n")
    head = f'[endpoint]\nurl = "{URL}"\n'
    by_file = read(tmp_path, head + 'credentials = { scheme = "header", file = "key.txt" }').endpoint.credentials
    assert by_file is not None
    assert by_file.build_headers() == (("X-API-Key", key),)
    by_env = read(tmp_path, head + 'credentials = { env = "K" }', env={"K": key}).endpoint.credentials
    assert by_env is not None
    assert by_env.build_headers() == (("Authorization", f"Bearer {key}"),)
    default = read(tmp_path, head, env={"AIHARNESS_API_KEY": key}).endpoint.credentials
    assert default is not None
    assert default.source == "AIHARNESS_API_KEY"
    with pytest.raises(UsageError, match="too short"):
        read(tmp_path, head, env={"AIHARNESS_API_KEY": "abc"})


def test_another_caller_has_a_secret_of_its_own(tmp_path: Path) -> None:
    head = '[endpoint]\nurl = "http://a"\nother_credentials = { env = "K" }\n'
    env = {"AIHARNESS_API_KEY": "first-caller", "K": "second-caller"}
    settings = read(tmp_path, head, env=env)
    assert settings.endpoint.other_credentials is not None
    assert settings.endpoint.other_credentials.build_headers() == (("Authorization", "Bearer second-caller"),)
    assert {"first-caller", "second-caller"} <= set(settings.list_secrets())
    assert "other_caller" in settings.grounds()
    with pytest.raises(UsageError, match=r"is the secret of \[endpoint\] credentials; give that of another caller"):
        read(tmp_path, head, env={**env, "K": "first-caller"})
    with pytest.raises(UsageError, match="one caller alone has no other"):
        read(tmp_path, head, env={"K": "second-caller"})


def test_tls_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    tls = read(tmp_path, f'[endpoint]\nurl = "{URL}"\ntls = {{ ca_file = "ca.pem" }}').endpoint.tls
    assert tls.ca_file == str(tmp_path / "ca.pem")


def test_profiles_override_and_add(tmp_path: Path) -> None:
    text = (
        f'[endpoint]\nurl = "{URL}"\n[profile.pr]\ncap = 100\n[profile.mine]\nquantile = 0.9\n[run]\nprofile = "{{}}"\n'
    )
    assert read(tmp_path, text.format("pr")).profile.cap == 100
    mine = read(tmp_path, text.format("mine")).profile
    assert (mine.quantile, mine.cap, mine.tolerance) == (0.9, 1600, 2.0)


def test_lines_of_keys() -> None:
    text = "# comment\n[a]\nx = 1\n[[b]]\nc = 1\n[[b]]\n\nc = 2\nd = { e = 1 }\n"
    assert find_line(text, ("a", "x")) == 3
    assert find_line(text, ("b", 0, "c")) == 5
    assert find_line(text, ("b", 1, "c")) == 8
    assert find_line(text, ("b", 1, "d", "e")) == 9
    assert find_line(text, ("nowhere",)) is None


VALUES = st.recursive(
    st.sampled_from(['"x"', "1", "-1", "true", "0.5", '"<= 1s"', '"latency p95"', '"smoke"', "[]", "1979-05-27"]),
    lambda inner: st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]"),
    max_leaves=3,
)
KEYS = st.sampled_from(["url", "protocol", "sample", "headers", "tls", "credentials", "deadlines", "template", "zzz"])
TABLES = st.sampled_from(["[endpoint]", "[run]", "[promises]", "[[objective]]", "[profile.pr]", "[endpoint.template]"])
RUN_KEYS = st.sampled_from(
    ["suite", "metric", "limit", "seed", "profile", "cap", "deterministic", "path", "body", "level"]
)


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.one_of(TABLES, st.builds(lambda k, v: f"{k} = {v}", KEYS | RUN_KEYS, VALUES)), max_size=8))
def test_nothing_but_a_usage_error_comes_out(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "aiharness.toml").write_text("\n".join(lines))
    with contextlib.suppress(UsageError):
        resolve_settings(Options(suites=("smoke",), endpoint=URL), {}, [tmp_path])


def test_extra_lines_win_over_the_file_and_lists_go_on(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text(
        "[capacity]\ntarget_rate = 5\nduration = 300\n"
        '[[objective]]\nsuite = "capacity"\nmetric = "latency p95"\nlimit = "<= 1s"\n'
    )
    extra = 'capacity.target_rate = 7\n[[objective]]\nsuite = "capacity"\nmetric = "ttft p95"\nlimit = "<= 2s"'
    options = Options(suites=("capacity",), endpoint="http://x", extra_config=extra)
    settings = resolve_settings(options, {}, [tmp_path])
    section = settings.sections["capacity"]
    assert (section.target_rate, section.duration) == (7, 300)
    assert [objective.metric for objective in settings.objectives] == ["latency", "ttft"]
    alone = resolve_settings(options, {}, [tmp_path / "nowhere"])
    assert alone.sections["capacity"].target_rate == 7


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("capacity.rate = 7", "rate"),
        ("capacity = ", "--ai-extra-config"),
        ('capacity.target_rate = "x"', "target_rate"),
    ],
)
def test_wrong_extra_lines_are_explained(tmp_path: Path, extra: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve_settings(Options(suites=("capacity",), endpoint="http://x", extra_config=extra), {}, [tmp_path])
