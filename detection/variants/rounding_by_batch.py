"""Probabilities move in their seventh digit with the size of the batch, as single precision has them do."""

from __future__ import annotations

from detection.change_request import Object, change_pairs, read_batch
from detection.switch import PLAIN, V2, Variant


def _move(request: Object, answer: Object) -> None:
    factor = 1 + 1e-7 * len(read_batch(request) or ())
    if "probabilities" in answer:
        answer["probabilities"] = [[value * factor for value in row] for row in answer["probabilities"]]
    for output in answer.get("outputs", ()):
        if output["name"] == "probabilities":
            output["data"] = [value * factor for value in output["data"]]


VARIANT = Variant(
    title="probabilities differ by some 1e-7 with the size of the batch",
    protocols=(PLAIN, V2),
    wrap=lambda app: change_pairs(app, _move),
)
