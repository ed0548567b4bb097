"""`aiharness demo`: the reference deployment as the endpoint of a whole run."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.commands.gate import run_pytest
from harness.core.gate import Exit
from harness.reference import digits
from harness.reference.deployment import Deployment
from harness.reference.settings import Settings
from harness.reference.switches import load_switches

_ALONE = ("-c", os.devnull, "--rootdir=.", "--noconftest", "-p", "no:cacheprovider")
"""Keep the demo apart from the settings of whatever project it is started in."""

KEY = "demo-key-for-the-reference-deployment"
CONFIG = Path(__file__).parents[1] / "data" / "demo.toml"
_ROWS, HELD_OUT_SEED = 600, 7
"""Pictures of the demo's labelled data; any seed but the deployment's own is a held-out split."""


def demo_command(edition: str, port: int, defect: Sequence[str], *, serve: bool, rest: Sequence[str]) -> int:
    """Start the deployment and run every suite there is against it; or, to `serve`, only keep it up."""
    return keep_up(edition, port, defect) if serve else demo(edition, port, defect, rest)


def demo(edition: str, port: int, defects: Sequence[str], extra: Sequence[str]) -> int:
    """Start the deployment, run every suite there is against it, write the report; the gate's exit status."""
    os.environ["AIHARNESS_DEMO_KEY"] = KEY
    with (
        tempfile.TemporaryDirectory(prefix="aiharness-demo-") as folder,
        _deployment(edition, port, defects) as deployment,
    ):
        seeded = f" with {', '.join(defects)}" if defects else ""
        print(f"reference deployment, edition {edition}{seeded}, at {deployment.url}", flush=True)
        config = Path(folder) / "aiharness.toml"
        text = CONFIG.read_text("utf-8")
        config.write_text(text.replace("@URL@", deployment.url).replace("@PROXY@", deployment.proxy_api), "utf-8")
        write_digits(Path(folder) / "digits.csv")
        options = ["--ai-suite=all", f"--ai-config={config}", "--ai-only-packaged", *_ALONE]
        return run_pytest([*options, *extra])


def keep_up(edition: str, port: int, defects: Sequence[str]) -> int:
    """Keep the deployment up until Ctrl-C."""
    with _deployment(edition, port, defects) as deployment:
        print(f"reference deployment, edition {edition}, at {deployment.url} (export AIHARNESS_API_KEY={KEY})")
        print(f"its links {', '.join(deployment.links)} run through the fault proxy {deployment.proxy_api}")
        print(f"try: pytest --ai-suite=smoke --ai-endpoint={deployment.url}\nCtrl-C ends it", flush=True)
        try:
            while deployment.alive:
                time.sleep(0.2)
        except KeyboardInterrupt:
            return int(Exit.PASS)
    return int(Exit.INTERNAL)


def write_digits(path: Path) -> None:
    """Labelled pictures that the deployment's model never saw: 64 numbers, their digit, and whether it is even."""
    pictures, labels = digits.make_dataset(HELD_OUT_SEED, _ROWS)
    head = ",".join([*(f"p{i}" for i in range(digits.FEATURES)), "label", "parity"])
    lines = [
        ",".join([*(f"{value:g}" for value in np.round(picture, 3)), str(label), ("even", "odd")[label % 2]])
        for picture, label in zip(pictures, labels, strict=True)
    ]
    path.write_text("\n".join([head, *lines, ""]), "utf-8")


def _deployment(edition: str, port: int, defects: Sequence[str]) -> Deployment:
    settings = Settings(defects=tuple(defects))
    load_switches(settings)  # an unknown defect is refused before anything starts
    return Deployment(edition, api_key=KEY, port=port, backend=settings)
