"""Which outputs are asked for is kept for all requests of a batch: each gets those of the last one."""

from __future__ import annotations

from detection.change_request import Object
from detection.neighbour_answers import change_by_neighbour
from detection.switch import V2, Defect


def _change(answer: Object, other: Object) -> None:
    names = [output["name"] for output in other["outputs"]]
    outputs = [output for output in answer["outputs"] if output["name"] in names]
    answer["outputs"] = outputs or answer["outputs"]


DEFECT = Defect(
    title="of requests side by side, all get the outputs that the last one asked for",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(V2,),
    wrap=lambda app: change_by_neighbour(app, _change),
)
