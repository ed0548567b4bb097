"""Texts that end in characters of several bytes: a stream must bring its last ones, too.

Tested in tests/suites/integration/test_unicode.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from harness.checks.common import Show
from harness.core.exchange import Exchange
from harness.core.verdict import Case

ENDINGS: Mapping[str, str] = {
    "an emoji": "48213765 \U0001f389\U0001f389",
    "Chinese": "48213765 \u65e5\u672c\u8a9e",
    "an accent": "48213765 caf\u00e9",
}
"""Texts to be repeated, by what they end in."""
END_REPEATS = 4
"""How often a text whose end seems lost is asked for again, whole and streamed.

Chance alone splits ten answers so once in 252 times.
"""


@dataclass(frozen=True, slots=True)
class EndAnswers:
    """The answers to one of the `ENDINGS`, as often whole as streamed."""

    name: str
    whole: Sequence[Exchange] = ()
    streamed: Sequence[Exchange] = ()

    def is_kept_whole(self) -> bool:
        """Whether every whole answer has the text."""
        return all(map(self._has_text, self.whole))

    def has_lost_end(self) -> bool:
        """Whether every whole answer has the text, and no stream has, although each begins like it."""
        if not self.is_kept_whole() or not all(map(attrgetter("ok"), self.streamed)):
            return False
        mark = ENDINGS[self.name].split()[0]
        return all(mark in exchange.text and not self._has_text(exchange) for exchange in self.streamed)

    def _has_text(self, exchange: Exchange) -> bool:
        return ENDINGS[self.name] in exchange.text


def judge_stream_ends(answers: Iterable[EndAnswers], show: Show) -> list[Case]:
    """A case for each text that the service repeats when it answers as a whole."""
    cases = []
    for answer in answers:
        name = f"a stream that ends in {answer.name}"
        if not answer.is_kept_whole():
            continue
        if not answer.has_lost_end():
            cases.append(Case(name))
        elif len(answer.streamed) <= END_REPEATS:
            cases.append(Case(name, unjudged="its end was lost once, and it was not asked again"))
        else:
            shown = answer.streamed[-1]
            whole = f"{len(answer.whole)} whole answers have it"
            problem = f"{name} loses its end: {shown.text[-20:]!r} in place of {ENDINGS[answer.name]!r}; {whole}"
            cases.append(Case(name, show(problem, shown)))
    return cases
