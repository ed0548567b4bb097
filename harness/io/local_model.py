"""Ask a local model: in a process of its own, which has none of our secrets, and whose crash or hang ends there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.core.local_model import LocalAnswers, LocalModel

_CHILD = str(Path(__file__).with_name("model_child.py"))
_START = f"import runpy; runpy.run_path({_CHILD!r}, run_name='__main__')"
"""Not by path: then the modules beside it would hide those of the standard library that have their names."""
_EXTRAS = {"torch": "torch", "torchao": "torch", "onnxruntime": "onnx"}
"""The extra of this package that installs a module."""
_MOST_SHOWN = 300


def ask_local_model(model: LocalModel, rows: Sequence[Any], secrets: Sequence[str] = ()) -> LocalAnswers:
    """The model's outputs for these rows. It gets no environment variable of ours, and none that holds a secret.

    Raises `HarnessError` that says what is wrong with the model.
    """
    job = {"kind": model.kind, "file": model.file, "rows": list(rows), "quantise": model.quantise}
    environment = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    for name, value in os.environ.items():
        if not name.startswith("AIHARNESS_") and not any(secret in value for secret in secrets):
            environment[name] = value
    what = f"the local reference {Path(model.file).name}"
    try:
        done = subprocess.run(
            [model.python or sys.executable, "-c", _START],
            input=json.dumps(job).encode(),
            capture_output=True,
            timeout=model.max_seconds,
            cwd=model.folder,
            env=environment,
            check=False,
        )
    except OSError as problem:
        raise HarnessError(f"{what} cannot be asked with {model.python}: {problem.strerror}") from None
    except subprocess.TimeoutExpired:
        raise HarnessError(f"{what} had not answered after {model.max_seconds:g} s ([reference] max_seconds)") from None
    try:
        result = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [""]
        ended = f"signal {-done.returncode}" if done.returncode < 0 else f"exit status {done.returncode}"
        raise HarnessError(f"{what} died with {ended}: {last[0]:.{_MOST_SHOWN}}") from None
    if why := result.get("problem"):
        raise HarnessError(f"{what} cannot be asked: {why}{_advise(why, model)}")
    outputs = result["outputs"]
    if len(outputs) != len(rows):
        raise HarnessError(f"{what} gave {len(outputs)} answers for {len(rows)} rows")
    twin = tuple(result.get("twin", ()))
    return LocalAnswers(tuple(outputs), twin, tuple(result.get("seconds", ())), tuple(result.get("twin_seconds", ())))


def _advise(problem: str, model: LocalModel) -> str:
    """What to install, where a module is missing."""
    name = problem.partition("No module named '")[2].partition("'")[0].partition(".")[0]
    if not name:
        return ""
    package = f"'aiharness[{_EXTRAS[name]}]'" if name in _EXTRAS else name.replace("sklearn", "scikit-learn")
    where = f"in the environment of {model.python}" if model.python else "or give [reference] python, which has it"
    return f"; pip install {package}, {where}"
