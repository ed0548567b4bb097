"""The whole deployment, as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.core.errors import UsageError
from harness.reference.child import Child, StartError
from harness.reference.deployment import Deployment

KEY = "deployment-key"
HEADERS = {"authorization": f"Bearer {KEY}"}
CHAT = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Count."}], "max_tokens": 6, "stream": True}


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    ends = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < ends:
        time.sleep(0.02)
    return met


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def pids(deployment: Deployment) -> list[int]:
    return [child.pid for child in deployment.children]


def whole(client: httpx.Client) -> bool:
    answer = client.post("/v1/chat/completions", json=CHAT)
    return answer.status_code == 200 and answer.text.endswith("data: [DONE]\n\n")


def states(client: httpx.Client) -> list[str]:
    return [upstream["state"] for upstream in client.get("/gateway/status").json()["upstreams"]]


def toxic(deployment: Deployment, kind: str, **attributes: Any) -> None:
    url = f"{deployment.proxy_api}/proxies/{deployment.links['backend-a']}/toxics"
    httpx.post(url, json={"name": "fault", "type": kind, "attributes": attributes}).raise_for_status()


def lift(deployment: Deployment) -> None:
    httpx.delete(f"{deployment.proxy_api}/proxies/backend-a/toxics/fault").raise_for_status()


def test_hardened_serves_all_protocols_and_hides_faults_of_one_link() -> None:
    with (
        Deployment("hardened", api_key=KEY) as deployment,
        httpx.Client(base_url=deployment.url, headers=HEADERS, timeout=10) as client,
    ):
        assert deployment.is_alive
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/v1/models", headers={"authorization": ""}).status_code == 401
        tensor = {"name": "input", "datatype": "FP64", "shape": [1, 64], "data": [0] * 64}
        assert client.post("/v2/models/digits/infer", json={"inputs": [tensor]}).status_code == 200
        assert client.post("/predict", json={"instances": [[0] * 64]}).json()["model"] == "digits"
        refused = client.post("/predict", json={"instances": [[0]]})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_value")
        assert whole(client)
        for kind, attributes in (("latency", {"latency": 2000}), ("reset_peer", {"timeout": 0})):
            toxic(deployment, kind, **attributes)
            assert all(whole(client) for _ in range(12))
            assert within(5, lambda: states(client)[0] != "closed")
            lift(deployment)
            assert within(5, lambda: states(client) == ["closed", "closed"])
        os.kill(deployment.backends["backend-b"].pid, signal.SIGKILL)
        assert all(whole(client) for _ in range(12))
        assert not deployment.is_alive
    assert not any(map(exists, pids(deployment)))
    deployment.stop()


def test_naive_lets_the_fault_of_one_link_through_to_every_second_request() -> None:
    with Deployment("naive") as deployment, httpx.Client(base_url=deployment.url, timeout=10) as client:
        assert client.get("/gateway/status").json()["edition"] == "naive"
        assert all(whole(client) for _ in range(4))
        os.kill(deployment.backends["backend-a"].pid, signal.SIGKILL)
        assert sorted(whole(client) for _ in range(8)) == [False] * 4 + [True] * 4


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from harness.reference.deployment import Deployment\n"
        "with Deployment() as deployment:\n"
        "    print(*(child.pid for child in deployment.children), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        started = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(started) == 4
        parent.kill()
    assert within(10, lambda: not any(map(exists, started)))


def test_a_failed_start_says_why_and_leaves_nothing() -> None:
    with pytest.raises(UsageError, match="unknown edition 'soft'; the editions are hardened, naive"):
        Deployment("soft")
    deployment = Deployment(proxy_api="http://127.0.0.1:9")
    with pytest.raises(StartError, match="the fault proxy did not create the proxy backend-a"):
        deployment.start()
    assert pids(deployment)
    assert not any(map(exists, pids(deployment)))
    gateway = Child("the gateway", "harness.reference.gateway", ["--upstream=ftp://x"])
    with pytest.raises(StartError, match="the gateway ended before it was ready: error: 'ftp://x' is not the address"):
        gateway.__enter__()
