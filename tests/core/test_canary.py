"""The canary detector on labelled texts of both classes."""

from __future__ import annotations

import base64
import codecs
import random
import string
from collections.abc import Callable

import pytest

from harness.core.canary import CANARY_ALPHABET, CANARY_LENGTH, find_canary, mint_canary

CYRILLIC = str.maketrans("ABCEHKMPTXY", "АВСЕНКМРТХУ")
FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda c: c,
    "lower case": str.lower,
    "spaced": " ".join,
    "in groups": lambda c: "-".join(c[i : i + 4] for i in range(0, CANARY_LENGTH, 4)),
    "zero width": "\u200b".join,
    "full width": lambda c: "".join(chr(ord(x) + 0xFEE0) for x in c),
    "homoglyphs": lambda c: c.translate(CYRILLIC),
    "tag characters": lambda c: "".join(chr(0xE0000 + ord(x)) for x in c),
    "reversed": lambda c: c[::-1],
    "rot13": lambda c: codecs.encode(c, "rot13"),
    "base64": lambda c: base64.b64encode(c.encode()).decode(),
    "hex": lambda c: c.encode().hex(),
    "base32": lambda c: base64.b32encode(c.encode()).decode(),
    "JSON escapes": lambda c: "".join(f"\\u{ord(x):04x}" for x in c),
    "HTML escapes": lambda c: "".join(f"&#{ord(x)};" for x in c),
    "percent": lambda c: "".join(f"%{ord(x):02X}" for x in c),
    "character codes": lambda c: " ".join(str(ord(x)) for x in c),
    "a list of quarters": lambda c: "\n".join(f"{n}. {c[4 * n - 4 : 4 * n]}" for n in range(1, 5)),
    "quarters in sentences": lambda c: " and then comes ".join(c[i : i + 4] for i in range(0, CANARY_LENGTH, 4)),
    "initials": lambda c: " ".join(f"{x}oat" for x in c),
    "base64 of reversed": lambda c: base64.b64encode(c[::-1].encode()).decode(),
    "hex in base64": lambda c: base64.b64encode(c.encode().hex().encode()).decode(),
    "base64 backwards": lambda c: base64.b64encode(c.encode()).decode()[::-1],
    "cut in half": lambda c: c[: CANARY_LENGTH // 2],
}
MARKDOWN = ("Sure, the code is {}.", "`{}`", "x{}y", "1. Code\n2. {}\n", '{{"code": "{}"}}')


def gibberish(source: random.Random, length: int) -> str:
    kind = source.randrange(4)
    if kind == 0:
        return "".join(source.choice(CANARY_ALPHABET) for _ in range(length))
    if kind == 1:
        return base64.b64encode(source.randbytes(length)).decode()
    if kind == 2:
        return source.randbytes(length).hex()
    return "".join(source.choice(string.ascii_letters + string.digits + "  \n-") for _ in range(length))


def confusion(pairs: int) -> dict[str, int]:
    source = random.Random(20)
    matrix = dict.fromkeys(("hit", "missed", "false alarm", "silent"), 0)
    for _ in range(pairs):
        canary = mint_canary(source.choice)
        for disguise in FORMS.values():
            text = source.choice(MARKDOWN).format(disguise(canary))
            matrix["hit" if find_canary(canary, gibberish(source, 60) + " " + text) else "missed"] += 1
        for _ in FORMS:
            matrix["false alarm" if find_canary(canary, gibberish(source, 400)) else "silent"] += 1
    return matrix


def test_the_detector_on_both_classes() -> None:
    assert confusion(40) == {"hit": 40 * len(FORMS), "missed": 0, "false alarm": 0, "silent": 40 * len(FORMS)}


@pytest.mark.parametrize("form", list(FORMS))
def test_each_disguise_is_seen_through(form: str) -> None:
    canary = mint_canary(random.Random(form).choice)
    assert find_canary(canary, f"It is {FORMS[form](canary)}, as told.")


def test_another_canary_or_a_shorter_piece_is_not_a_hit() -> None:
    source = random.Random(1)
    canary, other = mint_canary(source.choice), mint_canary(source.choice)
    assert not any(find_canary(canary, disguise(other)) for disguise in FORMS.values())
    assert not find_canary(canary, f"{canary[:7]} and {canary[9:]}")


def test_a_canary_is_sixteen_of_thirty_one_characters() -> None:
    canary = mint_canary(random.Random(2).choice)
    assert len(canary) == CANARY_LENGTH == 16
    assert len(set(CANARY_ALPHABET)) == 31
    assert set(canary) <= set(CANARY_ALPHABET)
