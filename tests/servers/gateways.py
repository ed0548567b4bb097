"""Real gateways before two reference backends, each behind a link of our fault proxy.

`python -m tests.servers.gateways NAME` starts one, runs the experiments of examples/gateway_streams.toml on it, and
prints the verdicts: what docs/findings.md says of it, again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.chaos.proxy.conftest import end_child, spawn
from tests.servers.environments import npm_packages, python_environment
from tests.servers.processes import ServerProcess, free_port
from tests.servers.row import EXAMPLES
from tests.servers.rows import litellm

EXPERIMENTS = EXAMPLES / "gateway_streams.toml"
TOKENS = 60
_WORDS = [first + vowel + last for first in "bdfgh" for vowel in "aeiou" for last in "mnr"]


def make_prompt(turn: int) -> str:
    """A prompt whose answer has 60 tokens, which are known: the reference model repeats them, a word each."""
    words = [_WORDS[(turn + 7 * place) % len(_WORDS)] for place in range(TOKENS)]
    return f"Repeat after me: {' '.join(words)}"


@dataclass(frozen=True)
class Gateway:
    """How one is started: `serve` writes what it needs into the folder and returns the command.

    `links` are the addresses of both backends. `endpoint` are further lines of `[endpoint]`, without the URL.
    """

    name: str
    serve: Callable[[Path, int, Sequence[str]], Sequence[str]]
    health: str
    endpoint: Callable[[Sequence[str]], str] = lambda links: ""
    env: Mapping[str, str] = field(default_factory=dict)


def serve_litellm(folder: Path, port: int, links: Sequence[str]) -> list[str]:
    """Two model groups: the second is the fallback of the first. No retries, so that each attempt is seen."""
    names = "tiny-chat", "spare"
    models = []
    for name, link in zip(names, links, strict=True):
        route = {"model": "openai/tiny-chat", "api_base": f"http://{link}/v1", "api_key": "none"}
        models.append({"model_name": name, "litellm_params": route})
    router = {"fallbacks": [{names[0]: [names[1]]}], "num_retries": 0, "disable_cooldowns": True}
    settings = {"model_list": models, "router_settings": router, "litellm_settings": {"request_timeout": 5}}
    (folder / "litellm.yaml").write_text(json.dumps(settings))
    program = python_environment("litellm").parent / "litellm"
    at = ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    return [str(program), "--config", "litellm.yaml", *at]


def serve_portkey(folder: Path, port: int, links: Sequence[str]) -> list[str]:
    """Its routes come with each request."""
    build = npm_packages("portkey") / "node_modules" / "@portkey-ai" / "gateway" / "build"
    return ["node", str(build / "start-server.js"), f"--port={port}", "--headless"]


def describe_portkey(links: Sequence[str]) -> str:
    """The header that names both backends, the second as the fallback of the first."""
    targets = [{"provider": "openai", "api_key": "none", "custom_host": f"http://{link}/v1"} for link in links]
    routes = {"strategy": {"mode": "fallback"}, "targets": targets, "request_timeout": 5000}
    return f"headers = {{ x-portkey-config = '{json.dumps(routes)}' }}\n"


GATEWAYS = (
    Gateway(
        "litellm",
        serve_litellm,
        "/health/liveliness",
        lambda links: f'credentials = {{ command = ["echo", "{litellm.KEY}"] }}\n',
        litellm.ENV,
    ),
    Gateway("portkey", serve_portkey, "/", describe_portkey),
)

CONFIG = """
[endpoint]
url = "{url}"
protocol = "openai_chat"
model = "tiny-chat"
sample = "{sample}"
other_samples = {others}
options = {{ max_tokens = {tokens} }}
deadlines = {{ first_byte = 60, inter_token = 8, total = 90 }}
{endpoint}
[promises]
deterministic = true

[links.backend-a]
api = "{api}"

[links.backend-b]
api = "{api}"
"""


@contextmanager
def start_gateway(gateway: Gateway, folder: Path) -> Iterator[None]:
    """The gateway, its backends and its links, up; aiharness.toml in the folder leads to them."""
    with ExitStack() as stack:
        settings = ServiceSettings(token_ms=2.0)
        backends = [stack.enter_context(ReferenceProcess(settings)) for _ in range(2)]
        child, api = spawn("--seed", "3")
        stack.callback(end_child, child)
        links = [add_link(api, f"backend-{name}", one.url) for name, one in zip("ab", backends, strict=True)]
        port = free_port()
        command = ["nice", "-n", "4", *gateway.serve(folder, port, links)]  # a load that is sent late decides nothing
        env = {**os.environ, "HOME": str(folder), **gateway.env}
        start = ServerProcess(command, port, folder / "log", health=gateway.health, env=env, seconds=180, cwd=folder)
        server = stack.enter_context(start)
        others = json.dumps([make_prompt(turn) for turn in range(1, 8)])
        config = CONFIG.format(
            url=server.url,
            api=api,
            sample=make_prompt(0),
            others=others,
            tokens=TOKENS,
            endpoint=gateway.endpoint(links),
        )
        (folder / "aiharness.toml").write_text(config)
        warm_up(config)
        yield


def add_link(api: str, name: str, upstream: str) -> str:
    """A proxy of the fault proxy's that leads to this URL; its address."""
    body = {"name": name, "listen": "127.0.0.1:0", "upstream": upstream.removeprefix("http://")}
    return str(httpx.post(f"{api}/proxies", json=body, trust_env=False).raise_for_status().json()["listen"])


def warm_up(config: str) -> None:
    """Ask until it answers: the first answers of a gateway take seconds, and more on a busy machine."""
    endpoint = tomllib.loads(config)["endpoint"]
    headers = {"authorization": f"Bearer {litellm.KEY}", **endpoint.get("headers", {})}
    body = {"model": "tiny-chat", "messages": [{"role": "user", "content": endpoint["sample"]}], "max_tokens": TOKENS}
    for stream in (False, True, True):
        url = f"{endpoint['url']}/v1/chat/completions"
        post = httpx.post(url, headers=headers, json={**body, "stream": stream}, timeout=120, trust_env=False)
        post.raise_for_status()


def main() -> int:
    """Run the experiments on the gateway that the command line names."""
    chosen = [gateway for gateway in GATEWAYS if gateway.name in sys.argv[1:]]
    if len(chosen) != 1:
        print(f"usage: python -m tests.servers.gateways {'|'.join(gateway.name for gateway in GATEWAYS)}")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="gateway-"))
    with start_gateway(chosen[0], folder):
        command = [sys.executable, "-m", "pytest", "--ai-suite=chaos", f"--ai-experiments={EXPERIMENTS}"]
        status = subprocess.run([*command, *sys.argv[2:]], cwd=folder, check=False).returncode
    print(f"kept in {folder}")
    return status


if __name__ == "__main__":
    sys.exit(main())
