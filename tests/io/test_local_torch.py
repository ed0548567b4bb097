"""Torch modules, TorchScript, exported programs and ONNX files as local references; and a quantised twin.

They need torch, which brings gigabytes: `make test-torch` installs it once in an environment of its own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.core.local_model import LocalAnswers, LocalModel
from harness.io.local_model import ask_local_model
from tests.servers.environments import python_environment

pytestmark = [pytest.mark.torch, pytest.mark.slow(60)]
ROWS = [[number / 10 + place for place in range(8)] for number in range(40)]
MAKE = """
import torch
from torch import nn

def make():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(8, 128), nn.Dropout(0.5), nn.ReLU(), nn.Linear(128, 3))

def save():
    model = make().eval()
    torch.jit.trace(model, torch.zeros(1, 8)).save("model.pt")
    free = ({0: torch.export.Dim("n")},)
    torch.export.save(torch.export.export(model, (torch.zeros(4, 8),), dynamic_shapes=free), "model.pt2")
    torch.save(model, "pickled.pt")
    from onnx import TensorProto, helper, numpy_helper, save_model
    first, last = model[0], model[3]
    values = {"w": first.weight.T.contiguous(), "b": first.bias, "v": last.weight.T.contiguous(), "c": last.bias}
    weights = [numpy_helper.from_array(value.detach().numpy(), name) for name, value in values.items()]
    steps = [("MatMul", "x w", "h"), ("Add", "h b", "i"), ("Relu", "i", "j"), ("MatMul", "j v", "k")]
    steps += [("Add", "k c", "y")]
    nodes = [helper.make_node(kind, takes.split(), [gives]) for kind, takes, gives in steps]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "model.onnx")
"""


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter that has torch."""
    if given := os.environ.get("AIHARNESS_TORCH_PYTHON"):
        return given
    if not os.environ.get("AIHARNESS_TORCH"):
        pytest.skip("torch has an environment of its own: make test-torch")
    return str(python_environment("torch"))


@pytest.fixture(scope="module")
def folder(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same model as `made.py:make`, TorchScript, exported program, ONNX and pickle."""
    place = tmp_path_factory.mktemp("models")
    (place / "made.py").write_text(MAKE)
    subprocess.run([python, "-W", "ignore", "-c", "import made; made.save()"], cwd=place, check=True, timeout=300)
    return place


def ask(folder: Path, python: str, file: str, **more: Any) -> LocalAnswers:
    return ask_local_model(LocalModel(file, python=python, folder=str(folder), **more), ROWS)


def test_the_same_model_in_every_form_answers_alike(folder: Path, python: str) -> None:
    own = [row["output"] for row in ask(folder, python, "made:make").outputs]
    for file in ("model.pt", "model.pt2", "model.onnx"):
        (served,) = zip(*(row.values() for row in ask(folder, python, file).outputs), strict=True)
        assert list(served) == [pytest.approx(row, abs=1e-5) for row in own], file


def test_a_pickled_module_is_no_torchscript(folder: Path, python: str) -> None:
    with pytest.raises(HarnessError, match="is not TorchScript"):
        ask(folder, python, "pickled.pt")


def test_a_quantised_twin_is_close_and_timed_in_turn(folder: Path, python: str) -> None:
    answers = ask(folder, python, "made:make", quantise="int8")
    assert len(answers.twin) == len(answers.outputs) == 40
    assert len(answers.seconds) == len(answers.twin_seconds) == 2 * 7
    differences = []
    for own, other in zip(answers.outputs, answers.twin, strict=True):
        differences += [abs(a - b) for a, b in zip(own["output"], other["output"], strict=True)]
    assert 0 < max(differences) < 0.2
