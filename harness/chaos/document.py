"""A plain document of sections, as Markdown and as HTML in the style of the report. Pure.

Tested in tests/chaos/test_post_mortem.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from harness.core.verdict import Status

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading with paragraphs, a table (`header` and `rows` of the same length) and a list. All are plain text.

    `tones` has a class of the report's style for each row (`fail`, `warned`, `pass`), which its first cell shows.
    `pictures` are captions with SVG of our own, which HTML alone shows.
    """

    title: str
    paragraphs: Sequence[str] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    items: Sequence[str] = field(default=())
    tones: Sequence[str] = ()
    pictures: Sequence[tuple[str, str]] = ()


def render_markdown(title: str, sections: Sequence[Chapter]) -> str:
    """The document as Markdown; a text that looks like markup is shown as it is."""
    lines = [f"# {_quote(title)}"]
    for section in sections:
        lines += ["", f"## {_quote(section.title)}"]
        for paragraph in section.paragraphs:
            lines += ["", _quote(paragraph)]
        if section.rows:
            lines += ["", _format_row([*map(_quote, section.header)]), _format_row(["---"] * len(section.header))]
            lines += [_format_row([*map(_quote, row)]) for row in section.rows]
        if section.items:
            lines += ["", *(f"- {_format_item(item)}" for item in section.items)]
    return "\n".join(lines) + "\n"


def render_html(title: str, sections: Sequence[Chapter], kicker: str = "") -> str:
    """The document as one page of HTML without scripts, in the style of the report: light, dark, narrow, printed.

    A title that begins with a verdict and a colon is shown as one; `kicker` is a line above it.
    """
    verdict, _, reason = title.partition(": ")
    page = files("harness.data").joinpath("document.html").read_text("utf-8")
    style = files("harness.reports").joinpath("page.css").read_text("utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, undefined=StrictUndefined)
    environment.filters["breakable"] = _allow_breaks
    words = {"title": title, "kicker": kicker, "verdict": verdict, "reason": reason, "style": Markup(style)}
    return environment.from_string(page).render(**words, statuses=tuple(Status), sections=sections) + "\n"


def _allow_breaks(text: str) -> Markup:
    """A cell that a narrow column breaks after the signs of an id of a check, and not in mid-word."""
    return Markup(re.sub(r"(?<=\w)(/|::|_|\[)(?=\w)", r"\1<wbr>", str(escape(text))))


def _format_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _format_item(item: str) -> str:
    """An item; `[ ]` at its start stays a box to tick."""
    box = "[ ] "
    if item.startswith(box):
        return box + _quote(item.removeprefix(box))
    return _quote(item)


def _quote(text: str) -> str:
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
