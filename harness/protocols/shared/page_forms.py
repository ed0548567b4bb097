"""What the first page of a service says of how it is asked: its HTML forms, and the paths that it mentions.

Tested in tests/commands/test_init_choices.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

from harness.protocols.shared.routes import CHANGING_WORDS, Route, split_words

_PATH = re.compile(r"(?<![\w/.:<])/[A-Za-z][\w/-]{1,60}")
_MOST_TEXT, _MOST_PATHS = 100_000, 10


@dataclass
class _Form:
    action: str
    fields: list[str]
    file: str = ""


class _FormReader(HTMLParser):
    """Collects the forms that are posted, with the names of their fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self._is_open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A form, or a field of the form that is open."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_open = values.get("method", "get").lower() == "post"
            if self._is_open:
                self.forms.append(_Form(values.get("action") or "/", []))
        elif tag in ("input", "select", "textarea") and self._is_open and values.get("name"):
            form = self.forms[-1]
            if values.get("type") == "file":
                form.file = values["name"]
            elif values.get("type") not in ("submit", "button", "reset", "hidden"):
                form.fields.append(values["name"])

    def handle_endtag(self, tag: str) -> None:
        """The end of a form."""
        self._is_open = self._is_open and tag != "form"


def list_form_routes(page: str) -> list[Route]:
    """The forms of a page that may be inferences: of named fields alone, or of one file alone."""
    reader = _FormReader()
    reader.feed(page[:_MOST_TEXT])
    routes = []
    for form in reader.forms:
        if not form.action.startswith("/") or CHANGING_WORDS & set(split_words(form.action)):
            continue
        if form.file and not form.fields:
            routes.append(Route(form.action, 1, "upload", (form.file,)))
        elif form.fields and not form.file:
            routes.append(Route(form.action, 1, "form", tuple(dict.fromkeys(form.fields))))
    return routes


def list_mentioned_paths(page: str) -> Iterator[str]:
    """The paths in a page's text, but for those whose name says that they change something."""
    paths = dict.fromkeys(_PATH.findall(page[:_MOST_TEXT]))
    allowed = [path for path in paths if not CHANGING_WORDS & set(split_words(path)) and "static" not in path]
    yield from allowed[:_MOST_PATHS]
