from __future__ import annotations

from harness.robustness.text_edits import show_edits


def test_a_look_alike_and_an_invisible_character_are_named() -> None:
    shown = show_edits("good food", "g\u043eod fo\u200bod")
    assert '"o" -> "<U+043E cyrillic small letter o>" at character 2' in shown
    assert '"" -> "<U+200B zero width space>" at character 8' in shown


def test_few_changes_are_shown_of_many() -> None:
    shown = show_edits("abababababababababababab", "a-a-a-a-a-a-a-a-a-a-a-a-")
    assert shown.endswith(" and 4 more")
