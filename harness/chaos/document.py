"""A plain document of sections, as Markdown and as HTML. Pure.

Tested in tests/chaos/test_post_mortem.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "body{overflow-wrap:anywhere}div{overflow-x:auto}"
    "table{border-collapse:collapse}td,th{border:1px solid #999;padding:.2rem .6rem;text-align:left;"
    "vertical-align:top;overflow-wrap:break-word;min-width:4rem}"
)
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading with paragraphs, a table (`header` and `rows` of the same length) and a list. All are plain text."""

    title: str
    paragraphs: Sequence[str] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    items: Sequence[str] = field(default=())


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


def render_html(title: str, sections: Sequence[Chapter]) -> str:
    """The document as one page of HTML without scripts."""
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>",
    ]
    for section in sections:
        parts.append(f"<h2>{escape(section.title)}</h2>")
        parts += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs]
        if section.rows:
            cells = "".join(f"<th>{escape(cell)}</th>" for cell in section.header)
            parts.append(f"<div><table><thead><tr>{cells}</tr></thead><tbody>")
            for row in section.rows:
                parts.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>")
            parts.append("</tbody></table></div>")
        if section.items:
            parts.append(f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in section.items)}</ul>")
    return "\n".join([*parts, "</body></html>"]) + "\n"


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
