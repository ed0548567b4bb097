"""Background errors of 1.0 %: what any service shows now and then is nobody's defect."""

from __future__ import annotations

from detection.background_errors import make_error_variant

VARIANT = make_error_variant(0.01)
