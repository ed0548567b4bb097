"""What a right answer to the sample is: a value, a range, a pattern, or one of several.

Tested in tests/checks/answers/test_expected.py.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from harness.core.errors import UsageError

Form = Literal["equals", "range", "match", "one_of"]
EXPECT_FORMS: tuple[Form, ...] = ("equals", "range", "match", "one_of")
_EXAMPLE = 'give a value, or one of { range = [0, 1] }, { match = "^a" }, { one_of = ["a", "b"] }, { equals = "a" }'


@dataclass(frozen=True, slots=True)
class Expectation:
    """A right answer is as `form` and `value` say: equal, within [low, high], matching a pattern, or one of a list.

    `path` is where it is in the body of the answer, such as `$.prediction.class`; None: the decoded answer itself.
    """

    form: Form
    value: Any
    path: str | None = None

    def __str__(self) -> str:
        place = f"{self.path} " * bool(self.path)
        words = {"equals": "", "range": "from ", "match": "text that matches ", "one_of": "one of "}
        shown = repr(self.value)
        if self.form == "range":
            shown = f"{self.value[0]} to {self.value[1]}"
        return f"{place}{words[self.form]}{shown}"


def parse_expectation(given: Any) -> Expectation | None:
    """What the configuration says of a right answer; None where it says nothing.

    Raises `UsageError` for an unknown key, several forms at once, or a value that no answer could ever meet.
    """
    if given is None:
        return None
    if not isinstance(given, dict):
        return Expectation("equals", given)
    keys = list(given)
    for key in keys:
        if key not in (*EXPECT_FORMS, "path"):
            raise UsageError(f'{key!r} is not a form of expect; {_EXAMPLE}, with path = "$.prediction" where needed')
    forms = [form for form in EXPECT_FORMS if form in given]
    if len(forms) != 1:
        raise UsageError(f"expect has {len(forms)} of {', '.join(EXPECT_FORMS)}, and needs one of them; {_EXAMPLE}")
    form, value, path = forms[0], given[forms[0]], given.get("path")
    if path is not None and (not isinstance(path, str) or not path):
        raise UsageError(f'path is {path!r}; give a text like "$.prediction"')
    _check_value(form, value)
    if path is not None and not path.startswith("$"):
        path = f"$.{path}"
    return Expectation(form, value, path)


def _check_value(form: Form, value: Any) -> None:
    if form == "range":
        are_numbers = isinstance(value, list) and all(type(bound) in (int, float) for bound in value)
        if not are_numbers or len(value) != 2 or not value[0] <= value[1] or not all(map(math.isfinite, value)):
            raise UsageError(f"range is {value!r}; give two numbers, the smaller first, like range = [0, 1]")
    elif form == "match":
        try:
            re.compile(value)
        except (re.error, TypeError, RecursionError) as problem:
            raise UsageError(f"match is {value!r}, which is no regular expression ({problem})") from None
    elif form == "one_of" and (not isinstance(value, list) or not value):
        raise UsageError(f"one_of is {value!r}; give a list of at least one value")
