"""See tests/attacks/test_characters.py, where both attacks on texts are driven; here: what they promise."""

from __future__ import annotations

from harness.attacks.words import ATTACK
from harness.core.attack import find_kind
from harness.core.threat import Norm


def test_it_takes_texts_and_asks_beyond_its_limit() -> None:
    kind = find_kind(ATTACK)
    assert (kind.takes, kind.norm, kind.asks_first, kind.reads) == ("text", Norm.EDITS, True, "scores")
