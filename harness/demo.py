"""`aiharness demo`: the reference deployment as the endpoint of a whole run."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.core.gate import Exit
from harness.reference import defect
from harness.reference.process import ReferenceProcess
from harness.reference.settings import Settings

ALONE = (
    *("-c", os.devnull, "--rootdir=.", "--noconftest", "-p", "no:cacheprovider"),
    *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
)
"""Keep the demo apart from the settings of whatever project it is started in."""

KEY = "demo-key-for-the-reference-deployment"
CONFIG = """\
[endpoint]
url = "{url}"
protocol = "openai_chat"
model = "tiny-chat"
credentials = {{ scheme = "bearer", env = "AIHARNESS_DEMO_KEY" }}

[promises]
deterministic = true

[run]
profile = "pr"

[[objective]]
suite = "smoke"
metric = "latency p95"
limit = "<= 500ms"

[[objective]]
suite = "smoke"
metric = "ttft p95"
limit = "<= 250ms"
"""


def demo(port: int, defects: Sequence[str], extra: Sequence[str]) -> int:
    """Start the deployment, run every suite there is against it, write the report; the gate's exit status."""
    os.environ["AIHARNESS_DEMO_KEY"] = KEY
    with tempfile.TemporaryDirectory(prefix="aiharness-demo-") as folder, _reference(port, defects) as server:
        print(f"reference deployment at {server.url}" + (f" with {', '.join(defects)}" if defects else ""), flush=True)
        config = Path(folder) / "aiharness.toml"
        config.write_text(CONFIG.format(url=server.url))
        options = ["--ai-suite=all", f"--ai-config={config}", "--ai-only-packaged", *ALONE]
        return run_pytest([*options, *extra])


def serve(port: int, defects: Sequence[str]) -> int:
    """Keep the deployment up until Ctrl-C."""
    with _reference(port, defects) as server:
        print(f"reference deployment at {server.url} (model tiny-chat; export AIHARNESS_API_KEY={KEY})")
        print(f"try: pytest --ai-suite=smoke --ai-endpoint={server.url}\nCtrl-C ends it", flush=True)
        try:
            while server.alive:
                time.sleep(0.2)
        except KeyboardInterrupt:
            return int(Exit.PASS)
    return int(Exit.INTERNAL)


def run_pytest(arguments: Sequence[str]) -> int:
    """Run pytest in this process, in the current folder, with our plugin loaded once."""
    return int(pytest.main(list(arguments)))


def _reference(port: int, defects: Sequence[str]) -> ReferenceProcess:
    for name in defects:
        defect.load(name)
    return ReferenceProcess(Settings(api_key=KEY, defects=tuple(defects)), port=port)
