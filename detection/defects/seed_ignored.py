"""`seed` is passed over in silence: the same seed draws another answer each time."""

from __future__ import annotations

from detection.change_request import drop_field
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="the same seed gives another answer each time",
    caught_by="ai-suite/integration/test_parameters.py::test_seed",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=lambda app: drop_field(app, "seed"),
)
