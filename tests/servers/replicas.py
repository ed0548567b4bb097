"""Two replicas of a real server behind nginx, each a process that a platform may kill, stop and start again.

`python -m tests.servers.replicas NAME FILE` starts them, runs the experiments of a file of examples/ on them, and
prints the verdicts: what docs/findings.md says of them, again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.environments import nginx, python_environment
from tests.servers.processes import ServerProcess, free_port
from tests.servers.row import EXAMPLES, Place
from tests.servers.rows import llamacpp

NGINX = """
daemon off;
worker_processes 1;
pid nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log access.log;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
  upstream replicas {{ {servers} }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://replicas; proxy_http_version 1.1; proxy_buffering off; }}
  }}
}}
"""
"""As tutorials write it: everything else is nginx's default."""


@dataclass(frozen=True)
class Replicated:
    """One kind of server: `serve` writes what a replica needs into its folder and returns the command."""

    name: str
    requirements: str
    serve: Callable[[Place], Sequence[str]]
    health: str
    endpoint: str


def serve_mlserver(place: Place) -> list[str]:
    """MLServer with a model that takes a second, with one worker process, as by default."""
    ports = {"http_port": place.port, "grpc_port": place.grpc_port, "metrics_port": free_port()}
    (place.folder / "settings.json").write_text(json.dumps({"debug": False, "host": "127.0.0.1", **ports}))
    place.app("mlserver_slow.py")
    rows = [{"name": "rows", "datatype": "FP64", "shape": [-1, 4]}]
    model = {"name": "slow", "implementation": "mlserver_slow.Slow", "inputs": rows, "parameters": {"version": "1"}}
    (place.folder / "model-settings.json").write_text(json.dumps(model))
    return [place.tool("mlserver"), "start", str(place.folder)]


REPLICATED = (
    Replicated(
        "mlserver",
        "mlserver",
        serve_mlserver,
        "/v2/models/slow/ready",
        'protocol = "v2"\nmodel = "slow"\nsample = [[1.0, 2.0, 3.0, 4.0]]',
    ),
    Replicated(
        "llamacpp",
        "llamacpp",
        llamacpp.serve,
        "/health",
        'protocol = "openai_chat"\nmodel = "tiny-chat"\nsample = "Count."\n'
        "options = { max_tokens = 300, ignore_eos = true }",
    ),
)

CONFIG = """
[endpoint]
url = "{url}"
{endpoint}

[promises]
deterministic = true
"""
PLATFORM = """
[platform.{name}]
pid_file = "{pid_file}"
start = {start}
deadline = 150
serves = 0.5
"""


@contextmanager
def start_replicas(kind: Replicated, folder: Path) -> Iterator[None]:
    """nginx before two replicas, up; aiharness.toml in the folder leads to them."""
    python, balancer = python_environment(kind.requirements), nginx()
    with ExitStack() as stack:
        ports, platforms = [], []
        for name in ("replica-a", "replica-b"):  # after the harness: a load that is sent late decides nothing
            (folder / name).mkdir()
            place = Place(folder / name, python, free_port(), free_port())
            pid_file = folder / f"{name}.pid"
            start = [sys.executable, place.app("start_replica.py"), str(pid_file)]
            start += [f"http://127.0.0.1:{place.port}{kind.health}", "nice", "-n", "4", *kind.serve(place)]
            stack.callback(end_replica, pid_file)
            subprocess.run(start, check=True, timeout=150, cwd=place.folder)
            ports.append(place.port)
            platforms.append(PLATFORM.format(name=name, pid_file=pid_file, start=json.dumps(start)))
        port = free_port()
        servers = " ".join(f"server 127.0.0.1:{upstream};" for upstream in ports)
        (folder / "nginx.conf").write_text(NGINX.format(servers=servers, port=port))
        command = [str(balancer), "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
        start_nginx = ServerProcess(command, port, folder / "nginx.log", health=kind.health, env=dict(os.environ))
        url = stack.enter_context(start_nginx).url
        config = CONFIG.format(url=url, endpoint=kind.endpoint)
        (folder / "aiharness.toml").write_text(config + "".join(platforms))
        yield


def end_replica(pid_file: Path) -> None:
    """Kill the process group whose id the file holds."""
    with contextlib.suppress(OSError, ValueError):
        os.killpg(int(pid_file.read_text()), signal.SIGKILL)


def main() -> int:
    """Run the experiments of a file on the replicas that the command line names."""
    kinds, files = {kind.name: kind for kind in REPLICATED}, ("rolling_restart", "replica_killed")
    if len(sys.argv) < 3 or sys.argv[1] not in kinds or sys.argv[2] not in files:
        print(f"usage: python -m tests.servers.replicas {'|'.join(kinds)} {'|'.join(files)}")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="replicas-"))
    with start_replicas(kinds[sys.argv[1]], folder):
        experiments = f"--ai-experiments={EXAMPLES / sys.argv[2]}.toml"
        command = [sys.executable, "-m", "pytest", "--ai-suite=chaos", experiments, *sys.argv[3:]]
        status = subprocess.run(command, cwd=folder, check=False).returncode
    print(f"kept in {folder}")
    return status


if __name__ == "__main__":
    sys.exit(main())
