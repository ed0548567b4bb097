"""`aiharness demo`: the reference deployment as the endpoint of a whole run."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from harness.commands.command import Command, read_port
from harness.commands.gate import STATUSES, run_pytest
from harness.core.gate import Exit
from harness.reference import digits
from harness.reference.deployment import Deployment
from harness.reference.settings import ServiceSettings
from harness.reference.switches import load_switches

_ISOLATED = ("-c", os.devnull, "--rootdir=.", "--noconftest", "-p", "no:cacheprovider")
"""Options that keep the demo free of the settings of the project in whose folder it is started."""

_ENDED = (
    "The demo's deployment ends now, so that no curl or rerun line of its report reaches it; "
    "aiharness demo --serve keeps one running to try them on."
)

KEY = "demo-key-for-the-reference-deployment"
CONFIG = Path(__file__).parents[1] / "data" / "demo.toml"
_ROWS, HELD_OUT_SEED = 600, 7
"""Pictures of the demo's labelled data; any seed but the deployment's own gives pictures that its model never saw."""


def _add_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--serve", action="store_true", help="only keep the deployment running, to try things on")
    add("--edition", default="hardened", help="hardened (default), which passes, or naive, which fails")
    add(
        "--defect",
        action="append",
        default=[],
        metavar="NAME",
        help="switch a seeded defect on; the installed package has none: they are in a checkout of the repository, "
        "installed with pip install -e . (docs/reference.md lists them)",
    )
    add("--port", type=read_port, default=0, help="port of the deployment (default: a free one)")
    parser.epilog = f"All other options go to pytest, like --ai-run-dir=DIR or --ai-suite=smoke. {STATUSES}"


def _run(edition: str, port: int, defect: Sequence[str], serve: bool, rest: Sequence[str]) -> int:
    """Start the deployment and run every suite against it, or with `serve` only keep it up until Ctrl-C."""
    settings = ServiceSettings(defects=tuple(defect))
    load_switches(settings)  # an unknown defect is refused before anything starts
    with Deployment(edition, api_key=KEY, port=port, backend=settings) as deployment:
        if serve:
            return _keep_up(deployment)
        return _run_suites(deployment, defect, rest)


def _run_suites(deployment: Deployment, defects: Sequence[str], options: Sequence[str]) -> int:
    """Run every suite against the deployment, write the report; the gate's exit status."""
    os.environ["AIHARNESS_DEMO_KEY"] = KEY
    seeded = f" with {', '.join(defects)}" if defects else ""
    print(f"reference deployment, edition {deployment.edition}{seeded}, at {deployment.url}", flush=True)
    with _make_folder() as folder:
        config = folder / "aiharness.toml"
        text = CONFIG.read_text("utf-8")
        config.write_text(text.replace("@URL@", deployment.url).replace("@PROXY@", deployment.proxy_api), "utf-8")
        write_digits(folder / "digits.csv")
        status = run_pytest(["--ai-suite=all", f"--ai-config={config}", "--ai-only-packaged", *_ISOLATED, *options])
    print(_ENDED, flush=True)
    return status


@contextmanager
def _make_folder() -> Iterator[Path]:
    """A folder that is removed on every way out: its name is known before it exists, so no Ctrl-C falls in between."""
    folder = Path(tempfile.gettempdir()) / f"aiharness-demo-{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep_up(deployment: Deployment) -> int:
    print(f"reference deployment, edition {deployment.edition}, at {deployment.url} (export AIHARNESS_API_KEY={KEY})")
    print(f"its links {', '.join(deployment.links)} run through the fault proxy {deployment.proxy_api}")
    print(f"try: pytest --ai-suite=smoke --ai-endpoint={deployment.url}\nCtrl-C ends it", flush=True)
    try:
        while deployment.is_alive:
            time.sleep(0.2)
    except KeyboardInterrupt:
        return int(Exit.PASS)
    return int(Exit.INTERNAL)


def write_digits(path: Path) -> None:
    """Labelled pictures that the deployment's model never saw: 64 numbers, their digit, and whether it is even."""
    pictures, labels = digits.make_dataset(HELD_OUT_SEED, _ROWS)
    lines = [",".join([*(f"p{i}" for i in range(digits.FEATURES)), "label", "parity"])]
    for picture, label in zip(np.round(pictures, 3), labels, strict=True):
        pixels = ",".join(f"{value:g}" for value in picture)
        lines.append(f"{pixels},{label},{('even', 'odd')[label % 2]}")
    path.write_text("\n".join([*lines, ""]), "utf-8")


COMMAND = Command(run=_run, add_options=_add_options, takes_rest=True)
