"""Faults on links that carry none, or hardly any, of our requests: 40 experiments, of which none may PASS.

`python -m benchmarks.wrong_links [FOLDER]`: ten kinds of faults on a link that is idle, that carries foreign requests,
that only a health check uses, and that one request in fifty uses. Each kind of link is one run of the chaos suite
against a small gateway; the runs are kept in FOLDER. Assumption: the machine is not so busy that latencies change by
themselves, which would be taken for an effect.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

from tests.chaos.chaosparts import free_port
from tests.chaos.gatewayparts import Gateway, Model, ping, send_foreign, serve
from tests.chaos.proxy.conftest import end_child, spawn

FAULTS: dict[str, str] = {
    "latency": "{ latency = 100 }",
    "bandwidth": "{ rate = 1 }",
    "timeout": "{ timeout = 100 }",
    "reset_peer": "{ timeout = 0 }",
    "down": "{}",
    "slicer": "{ average_size = 20, size_variation = 5, delay = 1000 }",
    "slow_close": "{ delay = 200 }",
    "limit_data": "{ bytes = 100 }",
    "truncate_stream": "{ events = 2 }",
    "answer_status": "{ status = 503 }",
}
CASES = ("idle", "foreign", "health check", "one in fifty")


def write_config(endpoint: str, api: str, listen: str, upstream: str) -> str:
    """The configuration of a run with every kind of fault on one link."""
    lines = [f'[endpoint]\nurl = "http://{endpoint}"\nprotocol = "openai_chat"\nmodel = "tiny-chat"']
    lines.append(f'[links.wrong]\napi = "{api}"\nproxy = "{listen}"\nlisten = "{listen}"\nupstream = "{upstream}"')
    lines.append("[chaos]\nrate = 15\nbaseline = 2\nrecovery = 1")
    for kind, attributes in FAULTS.items():
        fault = f'name = "{kind}"\nlink = "wrong"\nkind = "{kind}"\nattributes = {attributes}\nduration = 3'
        lines.append(f"[[fault]]\n{fault}")
    return "\n\n".join(lines) + "\n"


def run_case(case: str, api: str, model: str, folder: Path) -> Counter[str]:
    """Run one kind of link; the verdicts of `test_intact` and `test_recovers` together, one for each fault."""
    listen = f"127.0.0.1:{free_port()}"
    traffic: dict[str, AbstractContextManager[None]] = {"foreign": send_foreign(listen), "health check": ping(listen)}
    links: tuple[str, ...] = (model,)
    if case == "one in fifty":
        links = (listen, model)
    folder.mkdir(parents=True)
    with serve(Gateway(links, 50, retries=True)) as endpoint, traffic.get(case, contextlib.nullcontext()):
        (folder / "aiharness.toml").write_text(write_config(endpoint, api, listen, model))
        command = [sys.executable, "-m", "pytest", "-q", "--ai-suite=chaos", "--ai-only-packaged", "--ai-run-dir=run"]
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    statuses: dict[str, set[str]] = {}
    for line in (folder / "run" / "evidence.jsonl").read_text().splitlines():
        row = json.loads(line)
        _, _, fault = row["check"].partition("[")
        statuses.setdefault(fault, set()).add(row["verdict"]["status"])
    return Counter("PASS" if "PASS" in seen else " ".join(sorted(seen)) for seen in statuses.values())


def main() -> int:
    """Print the verdicts by kind of link; exit status 1 when one is PASS or fewer than 40 are judged."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    child, api = spawn("--seed", "3")
    total: Counter[str] = Counter()
    try:
        with serve(Model()) as model:
            for case in CASES:
                counts = run_case(case, api, model, folder / case.replace(" ", "-"))
                total += counts
                print(f"{case:14s} {dict(counts)}", flush=True)
    finally:
        end_child(child)
    print(f"{total['PASS']} of {total.total()} PASS")
    return int(total["PASS"] > 0 or total.total() < len(CASES) * len(FAULTS))


if __name__ == "__main__":
    sys.exit(main())
