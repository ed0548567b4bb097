"""LocalModel: the model that a service is meant to serve, as a file or a function of the user's, asked without it.

Tested in tests/io/test_local_model.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.core.bounds import NotNegative, OverZero, ShareUnderOne, WithinOne

PICKLES = (".pkl", ".pickle", ".joblib", ".sav")
"""Files that run whatever code they hold when they are loaded."""
KINDS = {
    ".onnx": "onnx",
    ".pt": "torchscript",
    ".pth": "torchscript",
    ".ts": "torchscript",
    ".pt2": "exported",
    **dict.fromkeys(PICKLES, "pickle"),
}
"""What a file is, by its ending; a `module:function` is a function."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """`[reference]`: what is asked in place of the service, and how far the two may differ.

    `file` is a path, or `module:function` (also `FILE.py:function`): a function that takes rows, or one without
    parameters that makes a model. `folder` is where modules are found, `python` the interpreter that has the model's
    libraries. A pickle is loaded only if it is `trust`ed. `limit` is the share of rows that may differ, of at most
    `rows`; a number may differ by `atol + rtol * |reference|`. `quantise` names how a compressed twin is made, which
    may be right in at most the share `margin` fewer of the labelled rows, and take at most `slowdown` times as long.
    """

    file: str
    trust: bool = False
    python: str | None = None
    limit: ShareUnderOne = 0.0
    rows: OverZero[int] = 200
    atol: NotNegative[float] = 1e-5
    rtol: NotNegative[float] = 1e-4
    quantise: str | None = None
    margin: WithinOne = 0.02
    slowdown: OverZero[float] = 1.0
    max_seconds: OverZero[float] = 300.0
    folder: str = "."

    @property
    def kind(self) -> str:
        """`function`, or what the file is by its ending; empty for an unknown one."""
        path, colon, _ = self.file.rpartition(":")
        if colon and not path.endswith(tuple(KINDS)):
            return "function"
        return next((kind for ending, kind in KINDS.items() if self.file.lower().endswith(ending)), "")

    def find_problem(self) -> tuple[str, str] | None:
        """The key that is wrong, and why; or None."""
        kind = self.kind
        if not kind:
            known = ", ".join(KINDS)
            return "file", f"must end in one of {known}, or be module:function, got {self.file!r}"
        if kind == "pickle" and not self.trust:
            return "file", (
                f"{self.file} is a pickle, which runs whatever code is in it when it is loaded. Set "
                "trust = true if you know who made it, or give the model as ONNX, or as module:function"
            )
        if self.quantise not in (None, "int8"):
            return "quantise", f'must be "int8", got {self.quantise!r}'
        if self.quantise and kind != "function":
            return "quantise", "needs a torch module: file must be module:function, which returns one"
        return None


@dataclass(frozen=True, slots=True)
class LocalAnswers:
    """What a local model answered: `outputs[i]` are those of row i by name, `labels` of its compressed twin likewise.

    `seconds` and `twin_seconds` are the times of the same batches, asked in turn.
    """

    outputs: tuple[Mapping[str, Any], ...]
    twin: tuple[Mapping[str, Any], ...] = ()
    seconds: tuple[float, ...] = ()
    twin_seconds: tuple[float, ...] = ()


MODEL_GROUNDS = {
    "reference": "no local reference is configured ([reference] file)",
    "quantised": 'no quantised twin is wanted ([reference] quantise = "int8")',
}
"""The grounds that a local reference gives, and why a check that needs one is not judged without."""


def list_model_grounds(model: LocalModel | None) -> dict[str, bool]:
    """Which of `MODEL_GROUNDS` are given."""
    return {"reference": model is not None, "quantised": model is not None and model.quantise is not None}
