"""What a process pays for merely having the plugin installed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness

HEAVY = ("httpx", "numpy", "torch", "locust", "hypothesis", "jinja2", "msgspec", "starlette", "uvicorn", "scipy")


@pytest.mark.parametrize("module", ["harness", "harness.plugin"])
def test_importing_the_front_loads_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not set(HEAVY) & set(done.stdout.split())


def test_plain_pytest_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        f"import sys\ndef test_one(pytestconfig):\n    assert pytestconfig.pluginmanager.hasplugin('harness.plugin')\n"
        f"    assert not set({HEAVY!r}) & set(sys.modules)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "harness.plugin"]
    env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_public_names_are_true_and_known_to_the_type_checker() -> None:
    assert sorted(harness.__all__) == harness.__all__
    assert all(hasattr(harness, name) for name in harness.__all__)
    [typed] = [node for node in ast.parse(Path(harness.__file__).read_text()).body if isinstance(node, ast.If)]
    imported = {alias.name for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == {*harness.__all__, "ArrivalUser"} - {"__version__"}
    assert not imported & set(dir(harness)), "freezegun reads all that dir() lists, which would import locust"
    with pytest.raises(AttributeError, match="has no attribute 'Verdct'"):
        harness.Verdct  # noqa: B018
