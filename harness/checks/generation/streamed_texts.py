"""Texts in which streams lose characters: what a plain answer repeats, a stream or a stop sequence must not change.

Tested in tests/suites/integration/test_unicode.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from harness.checks.common import Show
from harness.checks.generation.text_cases import count_common
from harness.core.exchange import Exchange
from harness.core.verdict import Case
from harness.stats.chance import count_telling_pairs

_MARK = "48213765"
"""What each text begins with: an answer that has it is an attempt to repeat the text."""
_CHINESE = (
    "天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏閏餘成歲律呂調陽雲騰致雨露結爲霜金生麗水玉出崑岡"
    "劍號巨闕珠稱夜光果珍李柰菜重芥薑海鹹河淡鱗潛羽翔龍師火帝鳥官人皇始制文字乃服衣裳推位讓國有虞陶唐"
)
"""The beginning of the Thousand Character Classic, in which no character stands twice."""
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class TriedText:
    """A text to be repeated, within `tokens`: by a plain answer, and by one with these options, `stream`ed or whole.

    `after` names a text that must have been repeated, so that this one is worth its cost.
    """

    words: str
    tokens: int = 80
    stream: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    after: str = ""


TRIED_TEXTS: Mapping[str, TriedText] = {
    "a stream that ends in an emoji": TriedText(f"{_MARK} \U0001f389\U0001f389"),
    "a stream that ends in Chinese": TriedText(f"{_MARK} \u65e5\u672c\u8a9e"),
    "a stream that ends in an accent": TriedText(f"{_MARK} caf\u00e9"),
    "a stream that ends as a stop sequence begins": TriedText(f"{_MARK} 90417253", options={"stop": ["7253 no more"]}),
    "an answer that ends as a stop sequence begins": TriedText(
        f"{_MARK} 90417253", stream=False, options={"stop": ["7253 no more"]}
    ),
    "a long stream of Chinese": TriedText(
        f"{_MARK} {_CHINESE}{_CHINESE}{_CHINESE}", tokens=1000, after="a stream that ends in Chinese"
    ),
}
"""By the name of the answer that may lose something."""
TRIED_REPEATS = count_telling_pairs()
"""How often a text that seems changed is asked for again, in both ways."""


@dataclass(frozen=True, slots=True)
class TriedAnswers:
    """The answers to one of the `TRIED_TEXTS`: as many plain ones as tried ones."""

    name: str
    plain: Sequence[Exchange] = ()
    tried: Sequence[Exchange] = ()

    @property
    def text(self) -> TriedText:
        """What was asked for."""
        return TRIED_TEXTS[self.name]

    def is_kept_plainly(self) -> bool:
        """Whether every plain answer has the text."""
        return all(map(self._has_text, self.plain))

    def is_answered(self) -> bool:
        """Whether every tried request was answered: its options may be refused."""
        return all(map(attrgetter("ok"), self.tried))

    def has_lost_text(self) -> bool:
        """Whether every plain answer has the text, and no tried one has, although each begins like it."""
        if not self.is_kept_plainly() or not self.is_answered():
            return False
        return all(_MARK in exchange.text and not self._has_text(exchange) for exchange in self.tried)

    def describe_change(self) -> str:
        """What the last tried answer has in place of the text."""
        wanted = self.text.words
        answer = self.tried[-1].text
        answer = answer[answer.find(_MARK) :]
        start = max(0, count_common(answer, wanted) - _SHOWN // 2)
        return f"{answer[start : start + _SHOWN]!r} in place of {wanted[start : start + _SHOWN]!r}"

    def _has_text(self, exchange: Exchange) -> bool:
        return self.text.words in exchange.text


def judge_tried_texts(answers: Iterable[TriedAnswers], show: Show) -> list[Case]:
    """A case for each text that the service repeats in a plain answer, and whose options it takes."""
    cases = []
    for answer in answers:
        if not answer.is_kept_plainly() or not answer.is_answered():
            continue
        if not answer.has_lost_text():
            cases.append(Case(answer.name))
        elif len(answer.tried) <= TRIED_REPEATS:
            cases.append(Case(answer.name, unjudged="its text was changed once, and it was not asked again"))
        else:
            plain = f"{len(answer.plain)} plain answers have it"
            problem = f"{answer.name} loses characters: {answer.describe_change()}; {plain}"
            cases.append(Case(answer.name, show(problem, answer.tried[-1])))
    return cases
