"""Workload: request `k` of a load as a function of a seed and of `k` alone, so that any number of workers agrees.

Making a prompt costs more than sending it. So a workload makes a limited number of forms, and each request is a form
in which one mark is replaced by what no other request has. Pure.

Tested in tests/load/workload/test_requests.py.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from harness.core.exchange import Query
from harness.core.generation_options import find_limit_option, merge_options
from harness.core.json_path import list_leaves, map_leaves
from harness.core.registry import load_plugin
from harness.core.workload import Material
from harness.load.draws import Draw, draw_length

TEXT_MARK = "5f0e1d2c3b4a6978"
"""What stands in a form's text for the nonce of a request."""
NUMBER_MARK = 0.83145987346215
"""What stands in a form for the number that differs from request to request."""
MOST_FORMS, FEWEST_FORMS = 512, 16
"""Forms of one workload: a request differs from the others of its form by its mark alone."""
ENDLESS = 1 << 40
"""The forms of a workload that makes each request anew."""

CODES = re.compile(r"(?<![0-9])[0-9]{7}(?![0-9])")
"""Finds what `make_digits` makes."""

_DIGITS, _STRIDE = 7, 7_368_787
_INVERSE: int = pow(_STRIDE, -1, 10**_DIGITS)
_FORM_BYTES = 8 * 2**20
"""About as many bytes as all forms may have."""
_BYTES_PER_TOKEN = 8


@dataclass(frozen=True, slots=True)
class QueryForm:
    """A query in which `TEXT_MARK` or `NUMBER_MARK` stands for what differs.

    `literal` is how the number begins that replaces `NUMBER_MARK`: seven digits are appended.
    """

    query: Query
    literal: str = ""

    @property
    def mark(self) -> str:
        """The mark as JSON shows it."""
        return repr(NUMBER_MARK) if self.literal else TEXT_MARK

    def fill(self, seed: int, k: int) -> str:
        """What stands in place of the mark in request `k`: always of the same length."""
        return self.literal + make_digits(seed, k) if self.literal else make_nonce(seed, k)


class Workload:
    """One workload: a plug-in's `WORKLOAD(material)` returns it.

    `forms` is how many forms there are; `is_unique` whether every form has a mark, so that no two requests are equal.
    """

    def __init__(self, material: Material, forms: int, *, is_unique: bool) -> None:
        self.material, self.forms, self.is_unique = material, forms, is_unique

    def make_form(self, i: int) -> QueryForm:
        """Form `i`, the same in every process."""
        raise NotImplementedError

    def describe(self) -> str:
        """The workload in one line."""
        raise NotImplementedError

    def make_query(self, k: int) -> Query:
        """Request `k`."""
        return fill_form(self.make_form(k % self.forms), self.material.seed, self.get_nonce_number(k))

    def get_nonce_number(self, k: int) -> int:
        """The number of the nonce that request `k` has: its own, where no other one is to have it."""
        return k

    def is_repeat(self, k: int) -> bool:
        """Whether an earlier request was the same."""
        return not self.is_unique and k >= self.forms

    def draw(self, i: int | str, purpose: str = "form") -> Draw:
        """Random numbers for form `i`."""
        return Draw(f"{self.material.seed} {self.material.workload} {purpose} {i}")

    def limit_output(self, query: Query, draw: Draw) -> Query:
        """The query with the limit of tokens that is asked of its answer."""
        spread = self.material.settings.output_tokens
        if spread is None:
            return query
        limit = {find_limit_option(query.options): max(1, draw_length(spread, draw))}
        return replace(query, options=merge_options(query.options, limit))


def make_workload(material: Material) -> Workload:
    """The workload of this material. Raises `UsageError` for an unknown one."""
    workload: Workload = load_plugin("workloads", material.workload).WORKLOAD(material)
    return workload


def fill_form(form: QueryForm, seed: int, k: int) -> Query:
    """The query of request `k`, of this form."""
    content = form.fill(seed, k)

    def fill(leaf: Any) -> Any:
        if isinstance(leaf, str):
            return leaf.replace(TEXT_MARK, content) if not form.literal else leaf
        return float(content) if form.literal and leaf == NUMBER_MARK else leaf

    return replace(form.query, inputs=map_leaves(form.query.inputs, fill))


def has_mark(form: QueryForm) -> bool:
    """Whether something differs from request to request."""
    leaves = list_leaves(form.query.inputs)
    return any(leaf == NUMBER_MARK or (isinstance(leaf, str) and TEXT_MARK in leaf) for leaf in leaves)


def count_forms(tokens: float) -> int:
    """How many forms of about so many tokens are kept."""
    return int(max(FEWEST_FORMS, min(MOST_FORMS, _FORM_BYTES / (_BYTES_PER_TOKEN * max(1.0, tokens)))))


def make_nonce(seed: int, k: int) -> str:
    """16 hexadecimal digits, of which no two requests of a load have the same."""
    mask = blake2b(b"%d" % seed, digest_size=4).digest()
    digest = blake2b(b"%d:%d" % (seed, k), digest_size=4).digest()
    number = int.from_bytes(mask, "big") ^ (k & 0xFFFFFFFF)
    return f"{number:08x}{digest.hex()}"


def make_digits(seed: int, k: int) -> str:
    """Seven decimal digits, of which no two among ten million requests have the same."""
    return f"{(k * _STRIDE + seed) % 10**_DIGITS:0{_DIGITS}d}"


def find_number(seed: int, digits: str) -> int:
    """The request to which `make_digits` gives these digits."""
    return int((int(digits) - seed) * _INVERSE % 10**_DIGITS)


def begin_literal(number: float, low: float = -math.inf, high: float = math.inf) -> str:
    """The digits with which numbers very near to this one begin, whatever follows; empty where there are none."""
    if not 1e-12 <= abs(number) <= 1e12:
        return ""
    decimals = max(1, 4 - math.floor(math.log10(abs(number))))
    literal = f"{number:.{decimals}f}"
    ends = sorted(float(literal + digit * _DIGITS) for digit in "09")
    return literal if low <= ends[0] and ends[1] <= high else ""
