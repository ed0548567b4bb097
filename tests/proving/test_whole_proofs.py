"""The whole proof of the reference deployment over every protocol and promise: each check that passes can fail."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks._detection import HEALTHY_PROMISES, KEY, KEYS, OTHER_KEY, SERVED_MODELS
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2
from harness.commands.demo import write_digits
from harness.reference.deployment import Deployment
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.commands.test_prove import prove

pytestmark = [pytest.mark.catalogue, pytest.mark.slow(seconds=240)]

SINGLE_REQUESTS = "smoke,integration"
REFUSED = {PLAIN: "a word for a number", CHAT: "missing_field", V2: "missing_field", EMBEDDINGS: "missing_field"}
DATA = '[data]\nfile = "digits.csv"\ngroup = "parity"\nshape = [8, 8]\ngolden = "golden.jsonl"\n'


@dataclass(frozen=True)
class Whole:
    """What is proved: the suites, over which protocol, with which promises beside those that the service keeps.

    `alone`: one backend without a gateway.
    """

    suites: str
    protocol: str
    promises: Mapping[str, Any] = field(default_factory=dict)
    backend: ServiceSettings = field(default_factory=ServiceSettings)
    alone: bool = False
    only: str = ""


NO_PREFIXES = {"prefix_cache": False}
"""The gateway sends the turns of a conversation to either backend, each of which has a cache of its own."""
WHOLE = {
    "chat": Whole(SINGLE_REQUESTS, CHAT, {**NO_PREFIXES, "output_limit": 4096}),
    "v2": Whole(SINGLE_REQUESTS, V2),
    "plain": Whole(SINGLE_REQUESTS, PLAIN),
    "embeddings": Whole(SINGLE_REQUESTS, EMBEDDINGS),
    "door-chat": Whole(
        "adversarial",
        CHAT,
        NO_PREFIXES,
        ServiceSettings(variants=("follows_orders",)),
    ),
    "door-v2": Whole("adversarial", V2),
    "door-embeddings": Whole("adversarial", EMBEDDINGS),
    "golden": Whole("validation", V2),
    "versions": Whole(
        "integration", V2, backend=ServiceSettings(variants=("two_versions",)), alone=True, only="test_own_versions"
    ),
    "prefixes": Whole("integration", CHAT, alone=True, only="test_prefix_cache"),
    "rate": Whole("integration", V2, {"rate_limit": 30}, ServiceSettings(rate_limit=30), True, "test_rate_limit"),
    "evasion": Whole("adversarial", V2, {"rate_limit": 30}, ServiceSettings(rate_limit=30), True, "rate_evasion"),
}


def write_config(folder: Path, whole: Whole, url: str) -> None:
    """All promises, a second caller, a replica, and for validation data with golden answers of the service itself."""
    promises = {**HEALTHY_PROMISES[whole.protocol], "refuses": [REFUSED[whole.protocol]], **whole.promises}
    lines = [f"{name} = {json.dumps(value)}" for name, value in promises.items()]
    named = [f"{name} = {json.dumps(value)}" for name, value in SERVED_MODELS[whole.protocol].items()]
    replicas = f"replicas = [{json.dumps(url.replace('127.0.0.1', 'localhost'))}]"
    other = '[endpoint.other_credentials]\nenv = "OTHER_API_KEY"'
    parts = ["[endpoint]", *named, replicas, other, "[promises]", *lines]
    if whole.suites == "validation":
        write_digits(folder / "digits.csv")
        (folder / "golden.jsonl").write_text(json.dumps(ask_golden(url)) + "\n")
        parts.append(DATA)
    (folder / "aiharness.toml").write_text("\n".join(parts))


def ask_golden(url: str) -> dict[str, Any]:
    """A row with the answer that the service gives now."""
    row = [float(number % 17) for number in range(64)]
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 64], "data": row}]}
    metadata = httpx.get(f"{url}/v2/models/digits", headers={"authorization": f"Bearer {KEY}"}).json()
    body["inputs"][0].update(name=metadata["inputs"][0]["name"], datatype=metadata["inputs"][0]["datatype"])
    answer = httpx.post(f"{url}/v2/models/digits/infer", json=body, headers={"authorization": f"Bearer {KEY}"})
    outputs = {output["name"]: output["data"] for output in answer.raise_for_status().json()["outputs"]}
    return {"input": row, "label": outputs}


@pytest.mark.parametrize("name", WHOLE)
def test_every_check_that_passes_on_the_reference_deployment_can_fail(name: str, tmp_path: Path) -> None:
    whole = WHOLE[name]
    env = {**os.environ, "AIHARNESS_API_KEY": KEY, "OTHER_API_KEY": OTHER_KEY}
    options = [f"--ai-protocol={whole.protocol}", "--ai-only-packaged", *(["-k", whole.only] if whole.only else [])]
    with ExitStack() as stack:
        if whole.alone:
            url = stack.enter_context(ReferenceProcess(replace(whole.backend, api_key=KEYS))).url
        else:
            url = stack.enter_context(Deployment("hardened", api_key=KEYS, backend=whole.backend)).url
        write_config(tmp_path, whole, url)
        outcome, rows = prove(tmp_path, url, *options, suite=whole.suites, env=env)
    unshown = {check: row["reason"] for check, row in rows.items() if not row["shown"]}
    if whole.only:
        unshown = {check: reason for check, reason in unshown.items() if reason != "it was not run"}
    assert not unshown, (unshown, outcome.out)
    assert any(row["shown"] for row in rows.values())
    if not whole.only:
        assert outcome.status == 0, outcome.out
