"""The canary detector on labelled texts of both classes, and the verdicts for a hit, a miss, an error and silence."""

from __future__ import annotations

import base64
import codecs
import random
import string
from collections.abc import Callable

import pytest

from harness.checks.isolation.canary import (
    CANARY_ALPHABET,
    CANARY_LENGTH,
    CanaryProbe,
    find_canary,
    judge_canaries,
    mint_canary,
)
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.verdict import Counterexample, Status

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
    assert confusion(60) == {"hit": 60 * 13, "missed": 0, "false alarm": 0, "silent": 60 * 13}


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


CANARY, NEVER = "ABCDEFGHJKMNPQRS", "S2R3Q4P5N6M7K8J9"


def exchange(
    text: str | None = "fine",
    *,
    body: bytes = b"{}",
    line: str = "",
    error: ErrorClass | None = None,
    status: int = 200,
) -> Exchange:
    response = Response(status, (("x-request", line),), body) if status else None
    answer = None if text is None else Answer(text)
    request = Request("POST", "/v1/chat/completions", body=(text or "").encode())
    return Exchange(request, Timing(0.0, done=0.1), response, answer, error=error, detail="because")


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def judge_text(seen: Exchange, *, control: Exchange | None = None, refused: bool = False) -> Status:
    probes = [CanaryProbe("b", seen, (CANARY,), refused), CanaryProbe("c", exchange("also fine"), (CANARY,))]
    controls = [CanaryProbe("control", control or exchange(), (NEVER,))]
    return judge_canaries(probes, controls, "kept", show).status


def test_a_clean_answer_passes_and_a_foreign_canary_fails_wherever_it_stands() -> None:
    assert judge_text(exchange()) is Status.PASS
    assert judge_text(exchange(f"it is {CANARY}")) is Status.FAIL
    assert judge_text(exchange(body=f'{{"trace": "{CANARY}"}}'.encode())) is Status.FAIL
    assert judge_text(exchange(line=f"prompt={CANARY.lower()}")) is Status.FAIL
    refusal = exchange(None, body=CANARY.encode(), status=400, error=ErrorClass.STATUS)
    assert judge_text(refusal, refused=True) is Status.FAIL
    assert judge_text(exchange(None, body=CANARY.encode(), status=500, error=ErrorClass.STATUS)) is Status.FAIL


@pytest.mark.parametrize(
    "seen",
    [
        exchange(""),
        exchange(" \n"),
        exchange(None, status=500, error=ErrorClass.STATUS),
        exchange(None, status=0, error=ErrorClass.TOTAL_TIMEOUT),
        exchange(None, status=200, error=ErrorClass.INVALID),
    ],
    ids=["empty", "blank", "error", "timeout", "invalid"],
)
def test_a_missing_answer_never_passes(seen: Exchange) -> None:
    assert judge_text(seen) is Status.INCONCLUSIVE


def test_a_refusal_of_a_wrong_request_is_judged() -> None:
    assert judge_text(exchange(None, status=400, error=ErrorClass.STATUS), refused=True) is Status.PASS
    silence = exchange(None, status=0, error=ErrorClass.TOTAL_TIMEOUT)
    assert judge_text(silence, refused=True) is Status.INCONCLUSIVE


def test_a_hit_in_the_control_arm_condemns_the_detector() -> None:
    assert judge_text(exchange(CANARY), control=exchange(f"well, {NEVER}")) is Status.ERROR


def test_a_service_never_reached_is_an_error() -> None:
    assert judge_text(exchange(None, status=0, error=ErrorClass.CONNECT)) is Status.ERROR
