from __future__ import annotations

import importlib
import re
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from harness.core.report import Report

if TYPE_CHECKING:
    from tests.reports.conftest import Render


@pytest.fixture(scope="module")
def markdown() -> ModuleType:
    return importlib.import_module("harness.reports.as_markdown")


@pytest.mark.parametrize("kind", ["sample", "six", "empty", "hostile", "huge"])
def test_it_fits_a_comment(kind: str, render: Render, request: pytest.FixtureRequest) -> None:
    report: Report = request.getfixturevalue(kind)
    text = render("markdown", report)
    assert len(text.encode()) < 60_000
    assert text.startswith("## ")
    assert report.run.verdict in text.partition("\n")[0]


def test_it_fits_however_much_there_is(sample: Report, render: Render) -> None:
    loud = "@`|" * 5_000
    rows = tuple(replace(sample.checks[15], id=f"t::{i}", title=loud, reason=loud) for i in range(300))
    many = replace(
        sample,
        checks=rows,
        notes=(loud,) * 300,
        plan=replace(sample.plan, not_judged=(loud,) * 300, suites=(loud,) * 50),
        run=replace(sample.run, loosened=(loud,) * 100, reason=loud),
    )
    text = render("markdown", many)
    assert len(text.encode()) < 60_000
    assert "more in `gate.json`" in text


def test_markup_is_neutralised(markdown: ModuleType) -> None:
    shown = markdown.escape_prose("<img src=x> @team #12 !3 [a](b) a|b `c` *d* _e_ $x$ http://h www.h GH-7 & ~~f~~")
    for live in ("<", "@team", "#12", "!3", "[a](", "http://", "www.h", "GH-7"):
        assert live not in shown, live
    for char in "[]()|`*_~$#":
        assert not re.search(rf"(?<!\\)(?<!&)\{char}", shown), char


def test_a_line_of_prose_cannot_start_a_block(markdown: ModuleType) -> None:
    for text in ("/close", "- item", "+ item", "=====", "> quote", "    code", "# head"):
        assert markdown.escape_prose(text)[0] not in "/-+=> #", text


@pytest.mark.parametrize("text", ["a`b", "```", "`", "a``b`c", ""])
def test_code_cannot_be_ended(text: str, markdown: ModuleType) -> None:
    span = markdown._format_code(text)
    fence = re.match(r"`+", span)
    assert fence is not None
    assert fence[0] not in span[len(fence[0]) : -len(fence[0])].strip("`") or fence[0] != "`"
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    assert len(fence[0]) == longest + 1
    block = markdown.fence_code(text)
    assert len(block.partition("\n")[0]) > longest


def test_table_rows_have_the_columns_of_their_head(hostile: Report, sample: Report, render: Render) -> None:
    for report in (hostile, sample):
        for table in re.findall(r"(?:^\|.*\n)+", render("markdown", report), re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(widths) == 1, table[:300]


def test_nothing_outside_code_mentions_or_refers(hostile: Report, render: Render) -> None:
    text = render("markdown", hostile)
    text = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert "@everyone" not in text
    assert "<script" not in text
    assert "#1 " not in text
    assert "](javascript" not in text
    assert "://evil" not in text
