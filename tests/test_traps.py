"""The table of docs/traps.md says what is true: each row names what exists, and says one thing."""

from __future__ import annotations

import re
from pathlib import Path

from detection.catalogue import switch_names
from detection.model_defect import load_model_defects
from detection.switch import Defect
from docs.bare_table import read_bare_runs
from docs.trap_table import UNSEEN, find_catcher, format_trap_table, read_traps

_CHECKS = re.findall(r"^\w+ +(\S+)", Path("tests/data/checks.txt").read_text("utf-8"), re.MULTILINE)


def test_every_trap_of_the_list_has_one_answer() -> None:
    traps = read_traps()
    assert list(traps) == list(range(1, 167))
    for number, trap in traps.items():
        assert len([word for word in (trap.defect, trap.lack, trap.unseen) if word]) == 1, number
        assert trap.unseen in ("", *UNSEEN), number


def test_every_check_and_defect_that_is_named_exists() -> None:
    known = {*switch_names(Defect), *load_model_defects()}
    named = {trap.defect for trap in read_traps().values() if trap.defect}
    assert len(named) >= 30
    assert named <= known
    for name in named:
        check = find_catcher(name)[0].partition("[")[0]
        assert any(id_.startswith(check) for id_ in _CHECKS), check


def test_the_configuration_is_that_of_the_defect() -> None:
    assert find_catcher("tool_call_as_text")[1] == "`[promises] tools = true`"
    assert find_catcher("thinking_by_effort")[1] == '`[promises] reasoning = "off"`'
    assert find_catcher("broken_picture_500")[1] == "`--ai-suite=adversarial`"
    assert find_catcher("head_of_line")[1].startswith("`[load]`")
    assert "`[endpoint] version`" in find_catcher("wrong_model_version")[1]
    assert find_catcher("closing_tag_left")[1] == "none"


def test_the_counts_are_those_of_the_rows() -> None:
    head, *rows = format_trap_table().splitlines()
    named = [row for row in rows if row.endswith("` |")]
    assert f"checks name {len(named)} of these" in head


def test_what_a_bare_url_finds_is_of_checks_and_defects_that_exist() -> None:
    runs = read_bare_runs()
    assert runs.keys() <= set(switch_names(Defect))
    assert all(check.partition("[")[0] in _CHECKS for checks in runs.values() for check in checks)
    assert sum(map(bool, runs.values())) / len(runs) >= 0.7
