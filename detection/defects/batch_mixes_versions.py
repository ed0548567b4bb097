"""One queue for all versions: a batch of its calls is answered by the version of the first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from detection.intercept import Inference
from detection.switch import V2, Defect
from detection.two_versions import read_version, serve_two_versions

_OVERLAP_S = 0.03


def _choose(call: Inference, version: str, under_way: Sequence[Inference]) -> tuple[str, str]:
    return read_version(under_way[0]) or version, version


DEFECT = Defect(
    name="batch_mixes_versions",
    title="of calls to two versions side by side, all are answered by the version of the first",
    caught_by="ai-suite/integration/test_versions.py::test_own_versions",
    protocols=(V2,),
    wrap=partial(serve_two_versions, choose=_choose, overlap_s=_OVERLAP_S),
)
