"""`[endpoint] options`: refused where they cannot be sent, and sent with every inference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.adapter import Facts, make_sample
from harness.core.endpoint import Endpoint
from harness.core.errors import ConfigError
from harness.core.exchange import Query
from harness.core.generation_options import choose_limit_value, merge_options
from harness.core.settings import Settings
from harness.run.planning import build_plan
from harness.run.preflight import load_adapter
from harness.suite import list_checks
from tests.services import asking

LARGE = {"max_tokens": 2048, "reasoning_effort": "low"}


def resolve(folder: Path, text: str, *suites: str) -> Settings:
    (folder / "aiharness.toml").write_text(text)
    return resolve_settings(Options(suites=suites, endpoint="http://127.0.0.1:1"), {}, [folder])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("model = 'a'", r"toml:2: endpoint.options.model: is not an option: the model is \[endpoint\] model"),
        ("messages = []", r"toml:2: endpoint.options.messages: is not an option: the input"),
        ("stream = true", r"endpoint.options.stream: is not an option: each check asks"),
        ("max_tokens = 0", r"max_tokens: must be a whole number over 0, got 0"),
        ("max_tokens = '16'", r"max_tokens: must be a whole number over 0, got '16'"),
        ("num_predict = true", r"num_predict: must be a whole number over 0, got True"),
        ("top_p = nan", r"top_p: nan cannot be sent as JSON"),
        ("day = 2026-11-29", r"day: 2026-11-29 cannot be sent as JSON"),
        ("max_tokens = 5\nmax_completion_tokens = 6", r"max_completion_tokens and max_tokens are one limit"),
    ],
)
def test_an_option_that_cannot_be_sent_is_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(tmp_path, f"[endpoint.options]\n{line}\n", "smoke")


def test_options_belong_to_their_protocol(tmp_path: Path) -> None:
    text = """
    [endpoint.options]
    max_tokens = 2048
    [suite.load]
    model = "b"
    [suite.validation]
    protocol = "v2"
    [suite.smoke]
    options = { max_tokens = 64 }
    """
    settings = resolve(tmp_path, text, "smoke", "load", "validation", "chaos")
    limits = {suite: settings.endpoint_of(suite).options.get("max_tokens") for suite in settings.suites}
    assert limits == {"smoke": 64, "load": 2048, "validation": None, "chaos": 2048}


@pytest.mark.parametrize(
    ("protocol", "options", "member"),
    [
        ("openai_chat", {"max_tokens": 2048}, ("max_tokens",)),
        ("openai_chat", {"max_completion_tokens": 2048}, ("max_completion_tokens",)),
        ("openai_completions", {"max_tokens": 2048}, ("max_tokens",)),
        ("openai_responses", {"max_output_tokens": 2048}, ("max_output_tokens",)),
        ("anthropic", {"max_tokens": 2048}, ("max_tokens",)),
        ("anthropic", {"max_completion_tokens": 2048}, ("max_tokens",)),
        ("ollama", {"num_predict": 2048}, ("options", "num_predict")),
        ("ollama", {"max_tokens": 2048}, ("options", "num_predict")),
        ("tgi", {"max_new_tokens": 2048}, ("parameters", "max_new_tokens")),
    ],
)
def test_the_limit_has_one_name_in_each_request(
    tmp_path: Path, protocol: str, options: dict[str, int], member: tuple[str, ...]
) -> None:
    endpoint = Endpoint("http://127.0.0.1:1", protocol, model="a", options={**options, "think": False})
    with asking(Settings(endpoint, ("smoke",)), tmp_path) as session:
        sample = session.sample(stream=True)
        queries = (sample, session.limit_answer(sample, 8), session.limit_answer(sample, 8, exact=True))
        bodies = [json.loads(session.request(query).body) for query in queries]
    limits = []
    for body in bodies:
        assert json.dumps(body).count("2048") + json.dumps(body).count(" 8") + json.dumps(body).count(":8") == 1
        assert "false" in json.dumps(body)
        value = body
        for name in member:
            value = value[name]
        limits.append(value)
    assert limits == [2048, 2048, 8]


def test_a_query_of_the_users_own_has_them_too(tmp_path: Path) -> None:
    endpoint = Endpoint("http://127.0.0.1:1", "openai_chat", options=LARGE)
    with asking(Settings(endpoint, ("smoke",)), tmp_path) as session:
        plain = json.loads(session.request(Query("Hi")).body)
        own = json.loads(session.request(Query("Hi", options={"max_completion_tokens": 8})).body)
    assert plain.items() >= LARGE.items()
    assert own["max_completion_tokens"] == 8
    assert "max_tokens" not in own
    assert own["reasoning_effort"] == "low"


def test_preflight_and_load_ask_with_them() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", "openai_chat", options=LARGE)
    assert make_sample(load_adapter("openai_chat"), endpoint, Facts()).options == {"temperature": 0, **LARGE}


def test_a_larger_limit_wins_over_a_cheap_one_only() -> None:
    assert choose_limit_value({}, 8) == 8
    assert choose_limit_value({"max_tokens": 4}, 8) == 8
    assert choose_limit_value({"num_predict": 100}, 8) == 100
    assert merge_options({"max_tokens": 16, "temperature": 0}, {"num_predict": 5}) == {
        "temperature": 0,
        "num_predict": 5,
    }


def test_the_plan_counts_with_the_configured_limit(tmp_path: Path) -> None:
    texts = ("", "[endpoint.options]\nmax_tokens = 1016\n")
    settings = [
        resolve(tmp_path, "[promises]\nchoices = true\n" + text, "smoke", "integration", "load") for text in texts
    ]
    declared = [(check.id, check.suite, check.spec) for suite in settings[0].suites for check in list_checks(suite)]
    usual, large = (build_plan(one, declared) for one in settings)
    assert usual.hash != large.hash
    for before, after in zip(usual.checks, large.checks, strict=True):
        assert after.requests == before.requests
        if before.tokens:
            assert after.tokens >= before.tokens + 1000 * before.requests
    assert large.cost.tokens > 20 * usual.cost.tokens
    choices = next(check for check in large.checks if check.id.endswith("test_choices"))
    assert choices.tokens >= 12 * 1016
