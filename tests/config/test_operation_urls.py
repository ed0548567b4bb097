"""URLs that end in the path of an operation are taken for the endpoint before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.operation_urls import split_operation
from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.registry import list_plugins
from harness.run.preflight import load_adapter
from tests.conftest import run_gate


def resolve(folder: Path, url: str | None, text: str = "", **options: Any) -> Endpoint:
    (folder / "aiharness.toml").write_text(text, "utf-8")
    settings = resolve_settings(Options(suites=("smoke",), endpoint=url, **options), {}, [folder])
    return settings.endpoint


@pytest.mark.parametrize(
    ("url", "base", "protocol", "more"),
    [
        ("http://h:1/v1/chat/completions", "http://h:1", "openai_chat", {}),
        ("http://h/v1/chat/completions/", "http://h", "openai_chat", {}),
        ("http://h/openai/v1/completions", "http://h/openai", "openai_completions", {}),
        ("http://h/deployments/g/chat/completions", "http://h/deployments/g", "openai_chat", {"prefix": ""}),
        ("http://h/v1/embeddings", "http://h", "openai_embeddings", {}),
        ("http://h/v1/responses", "http://h", "openai_responses", {}),
        ("http://h/v1/messages", "http://h", "anthropic", {}),
        ("http://h/rerank", "http://h", "rerank", {"prefix": ""}),
        ("http://h/api/generate", "http://h", "ollama", {}),
        ("http://h/generate_stream", "http://h", "tgi", {}),
        ("http://h/invocations", "http://h", "mlflow", {}),
        ("http://h/predict", "http://h", "plain_json", {}),
        ("http://h/v2/models/a%20b/infer", "http://h", "v2", {"model": "a b"}),
        ("http://h/v2/models/m/versions/3/infer", "http://h", "v2", {"model": "m", "version": "3"}),
        ("http://h/v1/models/m:predict", "http://h", "tfserving", {"model": "m"}),
        ("http://h/predictions/m/1.0", "http://h", "torchserve", {"model": "m", "version": "1.0"}),
    ],
)
def test_the_operation_is_left_out_and_names_the_protocol(
    tmp_path: Path, url: str, base: str, protocol: str, more: dict[str, str]
) -> None:
    endpoint = resolve(tmp_path, url)
    assert (endpoint.url, endpoint.protocol) == (base, protocol)
    for name, value in more.items():
        assert getattr(endpoint, name) == value
    assert protocol in list_plugins("protocols")


@pytest.mark.parametrize("url", ["http://h/v1/chat/completions", "http://h/x/chat/completions", "http://h/v1/messages"])
def test_requests_go_where_the_url_pointed(tmp_path: Path, url: str) -> None:
    endpoint = resolve(tmp_path, url)
    adapter = load_adapter(endpoint.protocol)
    request = adapter.encode(endpoint, adapter.sample(endpoint, Facts()), Facts())
    assert endpoint.url + request.path == url


@pytest.mark.parametrize("url", ["http://h", "http://h/v1", "http://h/api", "http://h/predictor", "http://h/v2"])
def test_other_paths_are_prefixes_as_before(tmp_path: Path, url: str) -> None:
    assert split_operation(url) is None
    assert resolve(tmp_path, url).url == url


def test_what_contradicts_the_path_is_refused_with_the_url_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a path of openai_chat, but the protocol is v2: give http://h$"):
        resolve(tmp_path, "http://h/v1/chat/completions", protocol="v2")
    with pytest.raises(UsageError, match="names the model 'm', but 'other' is configured"):
        resolve(tmp_path, "http://h/v2/models/m/infer", model="other")
    with pytest.raises(UsageError, match=r"toml:2: endpoint.url: .*give http://h"):
        resolve(tmp_path, None, '[endpoint]\nurl = "http://h/v1/embeddings"\nprotocol = "v2"\n')
    mounted = resolve(tmp_path, "http://h/predict", protocol="v2")
    assert mounted.url == "http://h/predict"


def test_a_path_of_the_template_is_left_out_too(tmp_path: Path) -> None:
    text = '[endpoint]\nprotocol = "plain_json"\ntemplate = { path = "/score/fast" }\n'
    assert resolve(tmp_path, "http://h/a/score/fast", text).url == "http://h/a"


def test_replicas_and_baselines_are_taken_likewise(tmp_path: Path) -> None:
    text = '[endpoint]\nreplicas = ["http://b/v1/chat/completions", "http://c"]\n'
    assert resolve(tmp_path, "http://a/v1/chat/completions", text).replicas == ("http://b", "http://c")
    options = Options(suites=("smoke",), endpoint="http://a", baseline="http://b/predict")
    assert resolve_settings(options, {}, [tmp_path]).baseline == "http://b"


def test_a_whole_gate_with_the_url_of_an_operation(tmp_path: Path, reference: str) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}/v1/chat/completions", "-k", "test_predicts")
    assert outcome.check("test_predicts")["verdict"] == "PASS"
    assert outcome.gate is not None
    assert outcome.gate["target"]["url"] == reference
