"""Labels and answers of different forms: class names against class numbers, other spellings, a label inside a text.

Such answers never equal a label, however good the model is. They are read in the way that is best for the service: only
what is wrong even so is wrong for certain.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.core.visible_text import fold_line

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_SHOWN, _WIDTH = 3, 40
"""Values that a message names, and characters of each."""
_SEARCHED, _MOST_LABELS = 2000, 100
"""Characters of an answer in which labels are searched, and labels of which all are."""


@dataclass(frozen=True, slots=True)
class GenerousReading:
    """The places at which the best reading calls the answer right, at most; and why the answers need a reading."""

    right: tuple[int, ...]
    reason: str


def read_generously(labels: Sequence[str], answers: Sequence[str | None]) -> GenerousReading | None:
    """Read answers that equal no label in the way that makes most of them right; None answers stay wrong.

    The readings: without regard for case, spaces and punctuation; the one label that occurs in a longer text; and,
    where answers and labels are numbers on one side and names on the other, whatever each answer stands for. Returns
    None if one answer equals any of the labels, or there is no answer, or no reading makes any answer right.
    """
    values = set(filter(None, answers))
    if not values or values & set(labels):
        return None
    pairs = _pair_with_answers(labels, answers)
    by_spelling = _find_right(pairs, lambda label, answer: _fold(label) == _fold(answer))
    by_part = _find_right(pairs, _make_part_reader(set(labels)))
    readings = [
        GenerousReading(by_spelling, _explain(pairs, by_spelling, "agree but for case, spaces or punctuation")),
        GenerousReading(by_part, _explain(pairs, by_part, "hold their label within other text")),
    ]
    kinds = _find_kind(values), _find_kind(set(labels))
    if set(kinds) == {"numbers", "names"}:
        readings.append(_read_as_mapped(pairs, *kinds))
    best = max(readings, key=lambda reading: len(reading.right))
    return best if best.right else None


def find_renumbering(labels: Sequence[str], answers: Sequence[str | None]) -> tuple[int, str]:
    """How many answers would be right under the best one-to-one renaming of the classes, and its words; or (0, "").

    Classes that the service numbers from 0 and the data from 1 are such a case.
    """
    meanings = _find_meanings((label, answer) for label, answer in zip(labels, answers, strict=True) if answer)
    right, targets, renamed = 0, set(), []
    for value, (label, count) in meanings.items():
        right += count
        targets.add(label)
        if value != label:
            renamed.append(f"{value} is {label}")
    if not renamed or len(targets) < len(meanings):
        return 0, ""
    return right, _join_first(renamed)


_Pairs = Mapping[int, tuple[str, str]]
"""Label and answer by place."""


def _pair_with_answers(labels: Sequence[str], answers: Sequence[str | None]) -> _Pairs:
    pairs = {}
    for place, (label, answer) in enumerate(zip(labels, answers, strict=True)):
        if answer:
            pairs[place] = (label, answer)
    return pairs


def _find_right(pairs: _Pairs, agree: Callable[[str, str], bool]) -> tuple[int, ...]:
    return tuple(place for place, pair in pairs.items() if agree(*pair))


def _make_part_reader(labels: set[str]) -> Callable[[str, str], bool]:
    """Whether a label occurs in a text as a word, and none of the others does; of many labels only it is searched."""
    patterns = {label: re.compile(rf"(?<!\w){re.escape(label)}(?!\w)", re.I) for label in labels}

    def is_part(label: str, answer: str) -> bool:
        text = answer[:_SEARCHED]
        if len(patterns) > _MOST_LABELS:
            return patterns[label].search(text) is not None
        return [name for name, pattern in patterns.items() if pattern.search(text)] == [label]

    return is_part


def _fold(text: str) -> str:
    """A text without what spelling may change; a number as it is counted."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return f"{float(text):g}"
    return "".join(character for character in text.casefold() if character.isalnum())


def _explain(pairs: _Pairs, right: Sequence[int], how: str) -> str:
    if not right:
        return ""
    label, answer = pairs[right[0]]
    shown = f"{_show(answer)} for {_show(label)}"
    return f"no answer equals any label, but {len(right)} of {len(pairs)} {how} ({shown}): write both in one form"


def _find_kind(values: set[str]) -> str:
    are_numbers = {bool(_NUMBER.fullmatch(value.strip())) for value in values}
    if len(are_numbers) > 1:
        return "mixed"
    return "numbers" if are_numbers == {True} else "names"


def _find_meanings(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, int]]:
    """For each answered value the label that it most often meets, and how often; the most frequent first."""
    counts: dict[str, Counter[str]] = {}
    for label, answer in pairs:
        counts.setdefault(answer, Counter())[label] += 1
    meanings = {value: labels.most_common(1)[0] for value, labels in counts.items()}
    return dict(sorted(meanings.items(), key=lambda item: -item[1][1]))


def _read_as_mapped(pairs: _Pairs, answers_are: str, labels_are: str) -> GenerousReading:
    """No one-to-one mapping makes more answers right: each label can be meant by one value at most."""
    labels, values = (set(column) for column in zip(*pairs.values(), strict=True))
    meanings = dict(list(_find_meanings(pairs.values()).items())[: len(labels)])
    right = _find_right(pairs, lambda label, answer: answer in meanings and meanings[answer][0] == label)
    return GenerousReading(
        right,
        f"the answers are {answers_are} ({_list(values)}), the labels are {labels_are} ({_list(labels)}): map them "
        f"with [data] labels, or write them as the service answers them: no answer can ever equal a label as it is",
    )


def _list(values: set[str]) -> str:
    return _join_first(list(map(_show, sorted(values))))


def _join_first(texts: Sequence[str]) -> str:
    shown = list(texts[:_SHOWN])
    if len(texts) > _SHOWN:
        shown.append("...")
    return ", ".join(shown)


def _show(value: str) -> str:
    text = fold_line(value, _WIDTH)
    return text if _NUMBER.fullmatch(text) else repr(text)
