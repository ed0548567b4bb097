"""The program that loads a local model and asks it: run in its folder, by the interpreter that has its libraries.

It reads one JSON object from the standard input (`kind`, `file`, `rows`, `quantise`) and writes one to the
standard output: `outputs` (an object for each row), or `problem`. It imports nothing of the harness, and what the model
prints goes to the standard error.

Tested in tests/io/test_local_model.py.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

_BATCH, _ROUNDS = 32, 7
"""Rows that are asked at once; times that a model and its twin are timed in turn, after one that is not counted."""


class ModelProblem(Exception):
    """What is wrong with the model, in words for the user."""


def import_model(file: str) -> Any:
    """What `module:function` makes: a model where the function takes no parameters, else the function itself."""
    place, _, name = file.rpartition(":")
    if place.endswith(".py"):
        spec = importlib.util.spec_from_file_location("local_model_of_user", place)
        if spec is None or spec.loader is None or not Path(place).is_file():
            raise ModelProblem(f"there is no file {place}")
        module = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(Path(place).resolve().parent))
        spec.loader.exec_module(module)
    else:
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError as error:
            if error.name not in (place, place.partition(".")[0]):
                raise
            raise ModelProblem(f"there is no module {place} in {os.getcwd()}, and none is installed") from None
    function = getattr(module, name, None)
    if not callable(function):
        raise ModelProblem(f"{place} has no function {name}")
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    if [p for p in needed if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]:
        return function
    return function()


def load_pickle(file: str) -> Any:
    """A pickled model; the caller has made sure that it is trusted."""
    if file.endswith(".joblib"):
        joblib: Any = importlib.import_module("joblib")
        return joblib.load(file)
    pickle: Any = importlib.import_module("pickle")
    with open(file, "rb") as opened:
        return pickle.load(opened)


def load_torchscript(file: str) -> Any:
    """A TorchScript file."""
    torch: Any = importlib.import_module("torch")
    try:
        return torch.jit.load(file, map_location="cpu").eval()
    except RuntimeError as error:
        raise ModelProblem(
            f"{file} is not TorchScript ({str(error).splitlines()[0]}): save the model with torch.jit.save or "
            "torch.export.save (.pt2), or give module:function, which returns it"
        ) from None


def load_exported(file: str) -> Any:
    """A program that `torch.export.save` wrote."""
    torch: Any = importlib.import_module("torch")
    return torch.export.load(file).module()


class OnnxModel:
    """An ONNX file, asked through ONNX Runtime on the CPU."""

    def __init__(self, file: str) -> None:
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        self.session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.inputs = self.session.get_inputs()

    def __call__(self, rows: list[Any]) -> dict[str, Any]:
        """The outputs by name, each with one entry for each row."""
        fixed = isinstance(self.inputs[0].shape[0], int) and self.inputs[0].shape[0] == 1
        parts = [[row] for row in rows] if fixed else [rows]
        names = [output.name for output in self.session.get_outputs()]
        joined: dict[str, list[Any]] = {name: [] for name in names}
        for part in parts:
            feed = {spec.name: self._make_array(spec, part) for spec in self.inputs}
            for name, value in zip(names, self.session.run(None, feed), strict=True):
                joined[name] += as_rows(value)
        return joined

    def _make_array(self, spec: Any, rows: list[Any]) -> Any:
        numpy: Any = importlib.import_module("numpy")
        types = {
            "tensor(double)": "float64",
            "tensor(int64)": "int64",
            "tensor(int32)": "int32",
            "tensor(bool)": "bool",
        }
        if isinstance(rows[0], dict):
            rows = [[row[spec.name]] for row in rows]
        if spec.type == "tensor(string)":
            return numpy.asarray(rows, dtype=object).reshape(len(rows), -1)
        array = numpy.asarray(rows, dtype={**types, "tensor(float16)": "float16"}.get(spec.type, "float32"))
        sizes = [size if isinstance(size, int) else -1 for size in spec.shape[1:]]
        return array.reshape(len(rows), *sizes) if sizes.count(-1) <= 1 else array


def as_rows(value: Any) -> list[Any]:
    """An array, tensor or list with one entry for each row, as nested lists; an object of scores as its values."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().float().numpy() if value.is_floating_point() else value.detach().cpu().numpy()
    value = value.tolist() if hasattr(value, "tolist") else list(value)
    return [list(entry.values()) if isinstance(entry, dict) else entry for entry in value]


def predict(model: Any, rows: list[Any]) -> list[dict[str, Any]]:
    """The outputs of each row by name."""
    if hasattr(model, "predict"):
        table = make_table(model, rows)
        outputs = {"predictions": model.predict(table)}
        if hasattr(model, "predict_proba"):
            outputs["probabilities"] = model.predict_proba(table)
    elif "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module):
        torch: Any = sys.modules["torch"]
        with torch.no_grad():
            outputs = model(torch.tensor(rows, dtype=torch.float32))
    else:
        outputs = model(rows)
    if isinstance(outputs, tuple):
        outputs = {f"output {number}": value for number, value in enumerate(outputs)}
    if not isinstance(outputs, dict):
        outputs = {"output": outputs}
    columns = {str(name): as_rows(value) for name, value in outputs.items()}
    for name, column in columns.items():
        if len(column) != len(rows):
            raise ModelProblem(f"{name!r} has {len(column)} entries for {len(rows)} rows")
    return [{name: column[place] for name, column in columns.items()} for place in range(len(rows))]


def make_table(model: Any, rows: list[Any]) -> Any:
    """Rows as `predict` takes them: an array, a list of texts, or a table of named fields."""
    if isinstance(rows[0], dict):
        try:
            pandas: Any = importlib.import_module("pandas")
        except ImportError:
            raise ModelProblem("rows of named fields need pandas: pip install pandas") from None
        return pandas.DataFrame(rows)
    if isinstance(rows[0], str):
        return rows
    numpy: Any = importlib.import_module("numpy")
    return numpy.asarray(rows, dtype=float)


def quantise(model: Any) -> Any:
    """A twin of a torch module whose linear layers have weights of 8 bits, and quantise their inputs as they come."""
    if "torch" not in sys.modules or not isinstance(model, sys.modules["torch"].nn.Module):
        raise ModelProblem(
            f"only a torch module has a quantised twin, and the function returned a {type(model).__name__}"
        )
    import copy

    twin = copy.deepcopy(model)
    try:
        quantization: Any = importlib.import_module("torchao.quantization")
    except ImportError:
        raise ModelProblem("a quantised twin needs torchao: pip install 'aiharness[torch]'") from None
    quantization.quantize_(twin, quantization.Int8DynamicActivationInt8WeightConfig())
    return twin


def ask(model: Any, rows: list[Any]) -> tuple[list[dict[str, Any]], list[float]]:
    """The outputs of all rows, and the seconds that each batch took."""
    outputs, seconds = [], []
    for start in range(0, len(rows), _BATCH):
        began = time.perf_counter()
        outputs += predict(model, rows[start : start + _BATCH])
        seconds.append(time.perf_counter() - began)
    return outputs, seconds


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """The outputs of the model, and of its twin where one is wanted, timed in turn."""
    loaders = {
        "function": import_model,
        "pickle": load_pickle,
        "torchscript": load_torchscript,
        "exported": load_exported,
        "onnx": OnnxModel,
    }
    model, rows = loaders[job["kind"]](job["file"]), job["rows"]
    if hasattr(model, "eval") and "torch" in sys.modules and job["kind"] == "function":
        model.eval()
    outputs, _ = ask(model, rows)
    if not job["quantise"]:
        return {"outputs": outputs}
    twin = quantise(model)
    twin_outputs, _ = ask(twin, rows)
    seconds: list[float] = []
    twin_seconds: list[float] = []
    for number in range(_ROUNDS):
        for side, times in [(model, seconds), (twin, twin_seconds)][:: 1 - 2 * (number % 2)]:
            times += ask(side, rows)[1]
    return {"outputs": outputs, "twin": twin_outputs, "seconds": seconds, "twin_seconds": twin_seconds}


def main() -> None:
    """Read the job, and write what came of it."""
    warnings.simplefilter("ignore")
    own = os.dup(1)
    os.dup2(2, 1)
    job = json.load(sys.stdin)
    try:
        result = answer(job)
    except ModelProblem as problem:
        result = {"problem": str(problem)}
    except Exception as error:
        result = {"problem": f"{type(error).__name__}: {str(error)[:500]}"}
    with os.fdopen(own, "w") as out:
        json.dump(result, out, default=str)


if __name__ == "__main__":
    main()
