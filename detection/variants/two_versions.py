"""Two versions of the model are served: a path may name one, and without a name the newest answers."""

from __future__ import annotations

from detection.switch import V2, Variant
from detection.two_versions import serve_two_versions

VARIANT = Variant(
    name="two_versions",
    title="serves two versions of the model, with other probabilities",
    protocols=(V2,),
    wrap=serve_two_versions,
)
