"""The version is kept in a field that all requests share, and answers are stamped with the last one's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from detection.intercept import Inference
from detection.switch import V2, Defect
from detection.two_versions import read_version, serve_two_versions

_OVERLAP_S = 0.03


def _choose(call: Inference, version: str, under_way: Sequence[Inference]) -> tuple[str, str]:
    return version, read_version(under_way[-1]) or version


DEFECT = Defect(
    name="version_of_neighbour",
    title="an answer is stamped with the version of the request that came last",
    caught_by="ai-suite/integration/test_versions.py::test_own_versions",
    protocols=(V2,),
    wrap=partial(serve_two_versions, choose=_choose, overlap_s=_OVERLAP_S),
)
