"""The plugin on the oldest and the newest pytest that it promises, as a wheel in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSIONS = ("8.4.2", "9.0.3")  # the newest is what every other test of this folder runs on


@pytest.mark.environment
@pytest.mark.slow(seconds=20)
@pytest.mark.parametrize("version", VERSIONS)
def test_older_pytest(tmp_path: Path, wheel: Path, reference: str, version: str) -> None:
    venv = tmp_path / "venv"
    python = venv / "bin" / "python"
    constraints = tmp_path / "constraints.txt"
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    constraints.write_text(
        "\n".join([*(line for line in lines if not line.startswith("pytest==")), f"pytest=={version}"])
    )
    if shutil.which("uv"):
        create = ["uv", "venv", "--quiet", "--python", sys.executable, str(venv)]
        install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
    else:
        create = [sys.executable, "-m", "venv", "--without-pip", str(venv)]
        install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run(create, check=True, timeout=120)
    subprocess.run([*install, "-c", str(constraints), str(wheel), "pytest-xdist"], check=True, timeout=300)
    user = tmp_path / "user"
    user.mkdir()
    (user / "pytest.ini").write_text("[pytest]\npython_files = spec_*.py\naddopts = --strict-markers\n")
    (user / "spec_mine.py").write_text(
        "import pytest\n@pytest.mark.ai_suite('smoke')\ndef test_mine(ai_client):\n    assert ai_client.ask().ok\n"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIHARNESS_", "PYTEST_"))}
    for name, args in (("serial", []), ("xdist", ["-n", "2"])):
        command = [
            str(python),
            "-m",
            "pytest",
            "--ai-suite=smoke",
            f"--ai-endpoint={reference}",
            f"--ai-run-dir={name}",
        ]
        done = subprocess.run(
            [*command, *args], cwd=user, env=clean, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"pytest-{version}" in done.stdout
        gate = json.loads((user / name / "gate.json").read_text())
        judged = {check["id"]: check["verdict"] for check in gate["checks"]}
        assert judged["spec_mine.py::test_mine"] == "PASS"
        assert judged["ai-suite/smoke/test_stream.py::test_complete"] == "PASS"
