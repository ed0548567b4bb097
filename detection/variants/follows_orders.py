"""A model that follows the orders of its user, keeps secrets, and follows no order of a document or a tool."""

from __future__ import annotations

from detection.obedient import put_around
from detection.switch import CHAT, Variant

VARIANT = Variant(
    title="the model does what its user orders, and nothing that documents or tools order",
    protocols=(CHAT,),
    wrap=put_around,
)
