"""The wheel: one top-level name, every package in it, data files, entry points, and it works from elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_only_top_level_name_is_harness(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"harness"}


def test_seeded_defects_and_variants_are_not_in_the_wheel(wheel: Path) -> None:
    switches = {path.name for kind in ("defects", "variants") for path in (ROOT / "detection" / kind).glob("[!_]*.py")}
    assert len(switches) > 100
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "detection/" in name or name.rpartition("/")[2] in switches]


def test_everything_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "harness/py.typed",
        "harness/data/gate.schema.json",
        "harness/data/config.schema.json",
        "harness/data/demo.toml",
        "harness/reports/page.css",
    ):
        assert name in names
    for folder in ("harness", "suites", "scenarios", "reports"):
        for path in (ROOT / folder).rglob("*.py"):
            inside = path.relative_to(ROOT).as_posix()
            assert (inside if folder == "harness" else f"harness/{inside}") in names
    entry_points = next(name for name in names if name.endswith("entry_points.txt"))
    text = zipfile.ZipFile(wheel).read(entry_points).decode()
    assert "aiharness = harness.commands.main:main" in text
    assert "aiharness = harness.plugin" in text


def test_the_wheel_works_from_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """Unpacked beside the environment's libraries, without the checkout on the path."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import harness, harness.commands.main, importlib, sys; assert 'site' in harness.__file__, harness.__file__;"
        "from harness.core.registry import list_plugins;"
        "assert len(list_plugins('suites')) >= 6, list_plugins('suites');"
        "assert 'html' in list_plugins('reports'); assert 'steady' in list_plugins('scenarios');"
        "from harness.suite import list_checks;"
        "assert len(list(list_checks('smoke'))) > 10"
    )
    env = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.environment
@pytest.mark.slow
def test_an_installed_wheel_works_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """Installed by pip, offline; the dependencies are lent by this environment, the checkout is not."""
    place = tmp_path / "venv"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, capture_output=True, timeout=120
    )
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python")]
    install = [*pip, "install", "--quiet", "--no-index", "--no-deps"]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP_", "AIHARNESS_"))}
    subprocess.run([*install, str(wheel)], cwd=tmp_path, env=clean, check=True, capture_output=True, timeout=120)
    (site,) = place.glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")))

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(place / "bin" / program), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=60, check=False)

    def read_output(program: str, *arguments: str) -> str:
        done = run(program, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    path = read_output("python", "-c", "import harness.suites.smoke; print(harness.suites.smoke.__file__)")
    assert Path(path.strip()) == site / "harness" / "suites" / "smoke" / "__init__.py"
    assert "usage: aiharness" in read_output("aiharness", "--help")
    assert "--ai-suite" in read_output("python", "-m", "pytest", "--help")
    service = ("python", "-m", "harness.reference")
    for command in (
        ("aiharness", "demo", "--defect=nan_in_200"),
        (*service, "--defect=list"),
        (*service, "--variant=x"),
    ):
        refused = run(*command)
        assert refused.returncode == 4
        (line,) = refused.stderr.splitlines()
        assert "folder detection/ of the repository" in line
