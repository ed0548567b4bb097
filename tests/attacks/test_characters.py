"""Attacks on texts, driven against classifiers of words whose weakness is known."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pytest

from harness.attacks import characters, words
from harness.attacks.characters import LEET, LOOK_ALIKES, list_neighbours, misspell
from harness.core.attack import Attack, Task
from harness.core.threat import TextDistance, count_edits

TEXT = "The waiter was kind and the food was excellent, but the room was cold"


def count_good(text: str) -> float:
    """A classifier of sentiment that counts known words: excellent counts most."""
    known = {"excellent": 2.0, "kind": 0.6, "cold": -1.0}
    return sum(known.get(word, 0.0) for word in re.findall(r"\w+", text.lower()))


def drive(
    attack: Attack, task: Task, margin: Callable[[str], float], labels: bool = False
) -> tuple[list[str], list[str]]:
    """All texts that were sent, and those after the first batch within the limit that were misclassified."""
    search, sent = attack.search(task), list[str]()
    batch = next(search, ())
    asked = len(batch)
    while len(batch) and len(sent) < task.budget:
        sent += map(str, batch)
        margins = [margin(str(text)) for text in batch]
        try:
            batch = search.send([1.0 if one >= 0 else -1.0 for one in margins] if labels else margins)
        except StopIteration:
            break
    successes = [text for text in sent[asked:] if margin(text) < 0 and task.distance.allows(task.row, text)]
    return sent, successes


def make_task(edits: int, budget: int = 200, **more: object) -> Task:
    return Task(TEXT, TextDistance(edits), (1, 1), budget, (1, 2), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("labels", [False, True])
def test_one_edit_in_the_word_that_matters_is_enough(labels: bool) -> None:
    sent, successes = drive(characters.ATTACK, make_task(1), count_good, labels)
    assert successes
    assert all(count_edits(TEXT, text) <= 1 for text in successes)
    assert "excellent" not in successes[0].lower()
    if not labels:
        assert len(sent) < 30, "the most important word comes first"


def test_two_words_that_matter_need_two_edits() -> None:
    margin = lambda text: count_good(text) - 0.5 + ("waiter" in text)  # noqa: E731
    assert not drive(characters.ATTACK, make_task(1, 400), margin)[1]
    assert drive(characters.ATTACK, make_task(2, 400), margin)[1]


def test_a_classifier_that_reads_no_letters_is_not_broken_and_the_search_ends() -> None:
    sent, successes = drive(characters.ATTACK, make_task(3, 5000), lambda text: 1.0)
    assert not successes
    assert len(sent) < 5000


def test_words_without_a_word_leave_something() -> None:
    task = Task("good", TextDistance(2), (1, 1), 50, (1, 2))
    sent, _ = drive(characters.ATTACK, task, lambda text: 1.0)
    assert sent
    assert all(text.strip() for text in sent)


def test_the_users_synonyms_are_tried_in_the_case_of_the_word() -> None:
    task = make_task(30, words={"excellent": ("fine", "good"), "the": ("this",)})
    sent, successes = drive(words.ATTACK, task, count_good)
    assert successes[0] in (TEXT.replace("excellent", "fine"), TEXT.replace("excellent", "good"))
    assert any(text.startswith("This waiter") for text in sent)
    nothing, _ = drive(words.ATTACK, make_task(30), count_good)
    assert all(len(text) < len(TEXT) for text in nothing), "without synonyms words are left out, and that is all"


def test_each_kind_of_spelling_is_tried() -> None:
    spellings = {text for seed in range(40) for text in misspell("excellent", np.random.default_rng(seed))}
    assert all(count_edits("excellent", text) <= 2 for text in spellings)
    assert any(unicodedata.category(letter) == "Cf" for text in spellings for letter in text)
    assert any("CYRILLIC" in unicodedata.name(letter, "") for text in spellings for letter in text)
    assert {"3xcellent", "excellen7"} <= spellings
    assert any(letter.isupper() for text in spellings for letter in text)
    assert {len(text) for text in spellings} == {8, 9, 10}


def test_the_tables_hold_other_letters_that_look_alike_and_neighbours() -> None:
    assert all(ord(other) > 127 for other in LOOK_ALIKES.values())
    assert all(len(other) == 1 and other.isalpha() for other in LOOK_ALIKES.values())
    assert LOOK_ALIKES["a"] == "\u0430"
    assert LEET["e"] == "3"
    assert set(list_neighbours("s")) == {"a", "d", "w", "x"}
    assert set(list_neighbours("q")) == {"w", "a"}
    assert list_neighbours("ß") == ""
