"""The installed plugin changes nothing in other projects' test suites: same outcomes test by test, same exit status.

The suites are those in the source distributions of two well-known projects: one with a large configuration of pytest of
its own and thousands of parametrised tests, one with hypothesis and its plugin.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.servers.environments import build_cached, run

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
TESTING = ("pytest==9.2.0", "hypothesis==6.170.15")
NEEDED = (
    "httpx[http2,socks]==0.28.1",
    "jinja2==3.1.6",
    "msgspec==0.22.0",
    "numpy==2.4.6",
    "starlette==1.10.0",
    "uvicorn==0.54.0",
)
"""What the plugin itself depends on: a user of it has these too, and the pytest plugins among them."""
PROJECTS = {"click": ("click==8.5.1", 2000), "attrs": ("attrs==26.1.0", 1000)}
"""The pin, and fewer tests than the suite has."""


@dataclass(frozen=True)
class Ran:
    """A finished suite: exit status, how often each test had which outcome, and what pytest printed first."""

    status: int
    outcomes: Counter[tuple[str, str, str]]
    header: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked: on the path, its plugin is found by its entry point."""
    folder = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns("__pycache__", ".*", "build", "dist", "*.egg-info", "tests", "benchmarks")
    shutil.copytree(ROOT, folder / "source", ignore=ignore)
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(folder / "source")])
    zipfile.ZipFile(next(folder.glob("*.whl"))).extractall(folder / "site")
    return folder / "site"


@pytest.mark.parametrize("name", PROJECTS)
def test_the_suite_of_another_project_runs_as_before(name: str, tmp_path: Path, site: Path) -> None:
    pin, least = PROJECTS[name]
    folder = build_cached(f"neighbour-{name}", repr((pin, TESTING, NEEDED, sys.version)), lambda at: _build(at, pin))
    alone = _suite(folder, "alone", tmp_path / "alone", {})
    beside = _suite(folder, "beside", tmp_path / "beside", {"PYTHONPATH": str(site)})
    assert "aiharness-" not in alone.header
    assert "aiharness-" in beside.header
    assert sum(alone.outcomes.values()) >= least
    assert beside.outcomes == alone.outcomes, (beside.outcomes - alone.outcomes, alone.outcomes - beside.outcomes)
    assert beside.status == alone.status
    assert alone.status in (0, 1)


def _build(folder: Path, pin: str) -> None:
    """The unpacked source distribution, and two environments with it: without and with what the plugin needs."""
    run([sys.executable, "-m", "venv", str(folder / "pip")])  # for its pip: uv has no download
    download = [str(folder / "pip" / "bin" / "python"), "-m", "pip", "download", "--quiet", "--no-deps"]
    run([*download, "--no-binary", pin.partition("==")[0], "--dest", str(folder), pin])
    shutil.unpack_archive(next(folder.glob("*.tar.gz")), folder / "unpacked", filter="data")
    next((folder / "unpacked").iterdir()).rename(folder / "source")
    for environment, wanted in (("alone", TESTING), ("beside", (*TESTING, *NEEDED))):
        python, packages = folder / environment / "bin" / "python", [str(folder / "source"), *wanted]
        if shutil.which("uv"):
            run(["uv", "venv", "--quiet", "--python", sys.executable, str(folder / environment)])
            run(["uv", "pip", "install", "--quiet", "--python", str(python), *packages])
        else:
            run([sys.executable, "-m", "venv", str(folder / environment)])
            run([str(python), "-m", "pip", "install", "--quiet", *packages])


def _suite(folder: Path, environment: str, work: Path, env: dict[str, str]) -> Ran:
    """Run the suite in a fresh copy of its source."""
    shutil.copytree(folder / "source", work)
    junit = work / "junit.xml"
    command = [str(folder / environment / "bin" / "python"), "-m", "pytest", "-p", "no:cacheprovider"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIHARNESS_", "PYTEST_", "PYTHON", "COV_", "CI"))}
    done = subprocess.run(
        [*command, f"--junitxml={junit}"],
        cwd=work,
        env={**clean, **env},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
    assert junit.exists(), done.stdout + done.stderr
    outcomes = Counter(
        (case.get("classname", ""), case.get("name", ""), ",".join(sorted(child.tag for child in case)))
        for case in ElementTree.parse(junit).iter("testcase")
    )
    print(f"{environment}: exit status {done.returncode}, {sum(outcomes.values())} tests, {done.stdout[-90:].strip()}")
    return Ran(done.returncode, outcomes, done.stdout[:2000])
