"""Canaries: fresh marks planted in one request, and searched for, in any disguise, in the answers to others."""

from __future__ import annotations

import base64
import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.checks.common import Show, judge, judge_case
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_error

CANARY_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""31 characters, none of which is mistaken for another."""
CANARY_LENGTH, _HALF = 16, 8
"""79 bits. None of 19,500 unrelated texts contained half of it in a row; with 8 characters, 1 % of them would."""
_CONFUSABLE = str.maketrans("АВЕКМНРСТУХЅЈԚԜаеорсухΑΒΕΖΗΚΜΝΡΤΥΧ", "ABEKMHPCTYXSJQWAEOPCYXABEZHKMNPTYX")
_TAGS = dict(zip(range(0xE0020, 0xE007F), map(chr, range(0x20, 0x7F)), strict=True))
_STANDARD = str.maketrans("-_", "+/")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{11,}")
_HEX = re.compile(r"[0-9a-fA-F](?:[\s:,-]?[0-9a-fA-F]){15,}")


def mint_canary(choose: Callable[[str], str]) -> str:
    """A fresh canary; `choose` picks one character of a text, as `secrets.choice` does."""
    return "".join(choose(CANARY_ALPHABET) for _ in range(CANARY_LENGTH))


def find_canary(canary: str, text: str) -> str | None:
    """How the text must be read to find at least half of the canary in a row (`plain`, `base64`, ...), or None."""
    halves = [canary[start : start + _HALF] for start in range(len(canary) - _HALF + 1)]
    for name, reading in _list_readings(text):
        if any(half in reading for half in halves):
            return name
    return None


def _list_readings(text: str) -> Iterator[tuple[str, str]]:
    """The text as it may be read: its letters, and what is decoded from it."""
    clear = unicodedata.normalize("NFKC", text.translate(_TAGS))
    clear = "".join(letter for letter in clear if unicodedata.category(letter) not in ("Cf", "Mn"))
    clear = clear.translate(_CONFUSABLE)
    plain = _select_letters(clear)
    yield "plain", plain
    yield "reversed", plain[::-1]
    yield "rot13", codecs.encode(plain, "rot13")
    for run in _BASE64.findall(clear):
        for decoded in _decode(run.translate(_STANDARD), 4, base64.b64decode):
            yield "base64", decoded
    for run in _HEX.findall(clear):
        for decoded in _decode(_select_letters(run), 2, bytes.fromhex):
            yield "hex", decoded


def _select_letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.upper()))


def _decode(run: str, group: int, decode: Callable[[str], bytes]) -> Iterator[str]:
    """The run decoded from each place where a group may begin: other letters may come directly before the canary."""
    for start in range(group):
        end = start + (len(run) - start) // group * group
        yield _select_letters(decode(run[start:end]).decode("latin-1"))


@dataclass(frozen=True, slots=True)
class CanaryProbe:
    """One request and the canaries that its answer must not hold.

    `refused`: the request is invalid, and its refusal is searched. Any other probe is judged only if it was answered.
    """

    name: str
    exchange: Exchange
    forbidden: tuple[str, ...]
    refused: bool = False


@judge
def judge_canaries(probes: Sequence[CanaryProbe], controls: Sequence[CanaryProbe], holds: str, show: Show) -> Verdict:
    """FAIL when an answer (text, body or header lines) holds a forbidden canary in any disguise.

    The controls were never given the canaries that they forbid: finding one there means that the detector is unsound,
    which is an ERROR. An error, silence or an empty answer is no evidence of safety: such a probe is unjudged.
    """
    for control in controls:
        if hit := _find_hit(control):
            return make_error(f"the detector is unsound: {control.name} holds {hit}, which it was never given")
    cases = []
    for probe in probes:
        hit = _find_hit(probe)
        problem = hit and f"{probe.name}: the answer holds the canary {hit}"
        cases.append(judge_case(probe.name, probe.exchange, problem, show, "" if hit else _explain_unjudged(probe)))
    return judge_contract(cases, holds, distinct=len({probe.exchange.request.body for probe in probes}))


def _find_hit(probe: CanaryProbe) -> str | None:
    """The first forbidden canary in the answer and how the answer holds it, or None."""
    exchange = probe.exchange
    parts = [exchange.answer.text or "" if exchange.answer else ""]
    if exchange.response:
        parts += [f"{name}: {value}" for name, value in exchange.response.headers]
        parts.append(exchange.response.body.decode("utf-8", "replace"))
    for canary in probe.forbidden:
        if reading := find_canary(canary, "\n".join(parts)):
            return f"{canary} ({reading} text)"
    return None


def _explain_unjudged(probe: CanaryProbe) -> str:
    """Why a probe without a hit shows nothing, or an empty text."""
    exchange = probe.exchange
    if probe.refused and exchange.response is not None:
        return ""
    if not exchange.ok:
        return exchange.outcome
    return "" if exchange.answer and (exchange.answer.text or "").strip() else "the answer is empty"
