"""Loops, other scripts and cut sentences are seen; texts that merely look odd are not."""

from __future__ import annotations

import pytest

from harness.checks.generation.text_faults import find_loop, find_wrong_script, is_unfinished

LIST = "\n".join(f"- item {i} is number {i}" for i in range(30))


@pytest.mark.parametrize(
    "text",
    [
        "the the " * 12,
        "Well. " + "I do not know what to say. " * 5,
        "Start. " + "a b c d e f g h i j k l m n o p q r " * 4,
        "好的我知道" * 6,
        "It goes on, " + "and on, " * 15 + "and then it stops.",
    ],
)
def test_loops_are_seen(text: str) -> None:
    assert find_loop(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ha ha ha ha",
        "no, no, no!",
        LIST,
        "|---|---|---|---|---|---|---|---|---|---|---|",
        "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
        "one two three four five six seven eight nine ten " * 3,
        "    }\n  }\n}\n" * 10,
        "he said that she said that they said that we said that you said that it said that I said so",
    ],
)
def test_texts_without_a_loop_are_left_alone(text: str) -> None:
    assert not find_loop(text)


@pytest.mark.parametrize(
    ("prompt", "text", "script"),
    [
        ("What is it?", "это город", "CYRILLIC"),
        ("What is it?", "It is 一个城市 in France", "CJK"),
        ("What is it?", "���� broken", "REPLACEMENT"),
        ("Что это?", "これは東京です", "HIRAGANA"),
    ],
)
def test_another_script_is_seen(prompt: str, text: str, script: str) -> None:
    assert find_wrong_script(prompt, text) in (script, "CJK")


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("What is it?", "It is π, about 3.14, or ½·τ in the 𝒜 notation"),
        ("Что это?", "Это Paris, capital of France"),
        ("这是什么?", "これは東京です"),
        ("Write 你好 in pinyin", "你好 is nǐ hǎo"),
        ("What is it?", "The word 你 has one sign, and this sentence is long enough for it not to count."),
        ("1 + 1?", "2"),
    ],
)
def test_scripts_that_belong_there_are_left_alone(prompt: str, text: str) -> None:
    assert not find_wrong_script(prompt, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The capital of France is Paris, and the capital of", True),
        ("The capital of France is Paris, which lies at the Seine,", True),
        ("The capital of France is Paris, which lies at the Seine.", False),
        ("The capital of France is Paris, which lies at the **Seine**", False),
        ("Paris", False),
        ("この文章はとても長いです。この文章はとても長いです。この文章はとても長いです。そう。", False),
    ],
)
def test_a_cut_sentence_is_seen(text: str, expected: bool) -> None:
    assert is_unfinished(text) is expected
