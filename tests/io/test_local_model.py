"""Local models of every kind are asked in a process of their own; what goes wrong with them is said in one sentence."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.core.local_model import LocalModel
from harness.io.local_model import ask_local_model

ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
FUNCTIONS = """
import os, signal, sys, time, json

def add(rows):
    print("a model may print")
    return [sum(row) for row in rows]

def lengths(rows):
    return {"length": [len(row) for row in rows]}

def make():
    class Model:
        def predict(self, rows):
            return [row[0] for row in rows]
        def predict_proba(self, rows):
            return [[row[0], row[1]] for row in rows]
    return Model()

def environment(rows):
    return [" ".join(sorted(os.environ)) for _ in rows]

def short(rows):
    return [0]

def raises(rows):
    raise ValueError("a shape that is not mine")

def killed(rows):
    os.kill(os.getpid(), signal.SIGKILL)

def slow(rows):
    time.sleep(60)

def needs(rows):
    import a_module_that_nobody_has
"""


def ask(folder: Path, name: str, rows: Any = ROWS, **more: Any) -> list[dict[str, Any]]:
    (folder / "http.py").write_text(FUNCTIONS)  # the name of a module of the standard library and of one of ours
    (folder / "functions.py").write_text(FUNCTIONS)
    return [dict(row) for row in ask_local_model(LocalModel(name, folder=str(folder), **more), rows).outputs]


@pytest.mark.parametrize("place", ["functions", "{folder}/functions.py"])
def test_a_function_or_what_it_makes_is_asked(tmp_path: Path, place: str) -> None:
    place = place.format(folder=tmp_path)
    assert ask(tmp_path, f"{place}:add") == [{"output": 3.0}, {"output": 7.0}, {"output": 11.0}]
    assert ask(tmp_path, f"{place}:make")[1] == {"predictions": 3.0, "probabilities": [3.0, 4.0]}


def test_texts_are_rows_too(tmp_path: Path) -> None:
    assert ask(tmp_path, "functions:lengths", ["ab", "c"]) == [{"length": 2}, {"length": 1}]


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("functions:short", {}, "'output' has 1 entries for 3 rows"),
        ("functions:raises", {}, "ValueError: a shape that is not mine"),
        ("functions:killed", {}, "died with signal 9"),
        ("functions:slow", {"max_seconds": 1.0}, "had not answered after 1 s ([reference] max_seconds)"),
        ("functions:needs", {}, "No module named 'a_module_that_nobody_has'; pip install a_module_that_nobody_has"),
        ("functions:nothing", {}, "functions has no function nothing"),
        ("nowhere:f", {}, "there is no module nowhere in "),
        ("functions:add", {"python": "/nowhere/python"}, "cannot be asked with /nowhere/python"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, name: str, more: Any, words: str) -> None:
    with pytest.raises(HarnessError) as problem:
        ask(tmp_path, name, **more)
    assert words in str(problem.value)


def test_the_model_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIHARNESS_API_KEY", "abc")
    monkeypatch.setenv("MY_TOKEN", "Bearer s3cret-value")
    monkeypatch.setenv("HARMLESS", "1")
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    model = LocalModel("functions:environment", folder=str(tmp_path))
    names = ask_local_model(model, [[1.0]], ["s3cret-value"]).outputs[0]["output"].split()
    assert "HARMLESS" in names
    assert not {"AIHARNESS_API_KEY", "MY_TOKEN"} & set(names)


@pytest.mark.slow
def test_a_trusted_pickle_of_scikit_learn(tmp_path: Path) -> None:
    linear: Any = pytest.importorskip("sklearn.linear_model")
    model = linear.LogisticRegression().fit([[0.0, 0.0], [1.0, 1.0], [5.0, 6.0]], [0, 1, 1])
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    outputs = ask(tmp_path, str(tmp_path / "model.pkl"), trust=True)
    assert [row["predictions"] for row in outputs] == model.predict(ROWS).tolist()
    for row, scores in zip(outputs, model.predict_proba(ROWS).tolist(), strict=True):
        assert row["probabilities"] == pytest.approx(scores)


@pytest.mark.parametrize(
    ("given", "key", "words"),
    [
        ({"file": "model.pkl"}, "file", "is a pickle, which runs whatever code is in it"),
        ({"file": "a/model.joblib"}, "file", "Set trust = true if you know who made it"),
        ({"file": "model.h5"}, "file", "must end in one of .onnx, .pt, "),
        ({"file": "model"}, "file", "or be module:function"),
        ({"file": "m:f", "quantise": "int4"}, "quantise", '"int8"'),
        ({"file": "m.onnx", "quantise": "int8"}, "quantise", "needs a torch module"),
    ],
)
def test_what_cannot_be_is_refused_before_it_is_loaded(given: Any, key: str, words: str) -> None:
    problem = LocalModel(**given).find_problem()
    assert problem is not None
    assert problem[0] == key
    assert words in problem[1]


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("model.ONNX", "onnx"),
        ("m.pt2", "exported"),
        ("m.pth", "torchscript"),
        ("a.b:c", "function"),
        ("x.py:f", "function"),
    ],
)
def test_the_ending_says_what_it_is(file: str, kind: str) -> None:
    assert LocalModel(file).kind == kind
    assert LocalModel(file).find_problem() is None
