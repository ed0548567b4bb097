"""What is used of Hypothesis: strategies for a JSON Schema and for tensors, and a search without side effects.

Loaded only when its check runs (the extra `property`): Hypothesis takes 0.3 s of CPU to import.

Tested in tests/generation/test_search.py.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import random
import string
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import hypothesis
from hypothesis import configuration
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException, NoSuchExample

from harness.core.array_shape import reshape
from harness.generation.input_form import InputForm

_Strategy = st.SearchStrategy[Any]

_MOST_ELEMENTS = 20_000
"""Numbers in one request, above which only single rows are made."""
_ROUND = 10
"""Values drawn before Hypothesis starts anew: later it varies earlier values, which few requests can afford."""
_LETTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits + " .,;:-_'\"\\/<>&%{}[]()\n\t\0é漢🙂א\u0301"
_TEXTS = ("", *"a\"'\\\n\0", "0", "-1", "null", "NaN", "<b>", "%s", "{}", "é", "漢字", "🙂", "אב", "e\u0301")
_POWERS = [2**bits for bits in (7, 8, 15, 16, 24, 31, 32, 53, 63, 64)]
_INTEGERS = sorted({0, 1, 2, 3, 10, 100, 1000, *_POWERS, *(power - 1 for power in _POWERS), 2**31 + 1, 2**32 + 1})
_FLOATS = (0.0, 1.0, 0.5, 2.0, 0.1, 1e-3, 1e-9, 1e6, 1e10, 1e30, 1e38, 1e300, 1e308)
_NUMBER_KEYS = {"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_PLAIN_KEYS = {
    "integer": _NUMBER_KEYS,
    "number": _NUMBER_KEYS,
    "string": {"type", "minLength", "maxLength"},
    "array": {"type", "items", "minItems", "maxItems"},
    "object": {"type", "properties", "required", "additionalProperties"},
    "boolean": {"type"},
    "null": {"type"},
}
"""By type, the keys of the schemas for which strategies are made here."""


def make_input_strategy(form: InputForm) -> _Strategy:
    """A strategy for values `{"inputs", "options"}` of this form."""
    inputs = _draw_tensors(form.tensors) if form.tensors else _make_strategy(form.schema)
    return st.fixed_dictionaries({"inputs": inputs, "options": _make_strategy(form.options)})


def _make_strategy(schema: Mapping[str, Any]) -> _Strategy:
    """Values of a schema: numbers over their whole range with its ends, lists mostly of one value with few others.

    What is not a plain number, text, list or object is left to hypothesis-jsonschema, which is loaded for that alone.
    """
    kind = schema.get("type")
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return st.sampled_from(schema["enum"])
    if isinstance(kind, list) and kind:
        return st.one_of([_make_strategy({**schema, "type": name}) for name in kind])
    if schema.keys() == {"anyOf"}:
        return st.one_of([_make_strategy(option) for option in schema["anyOf"]])
    if _is_plain(schema):
        return _MAKERS[schema["type"]](schema)
    strategy: _Strategy = importlib.import_module("hypothesis_jsonschema").from_schema(dict(schema))
    return strategy


def _is_plain(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    if not isinstance(kind, str) or not schema.keys() <= _PLAIN_KEYS.get(kind, set()):
        return False
    if kind == "array":
        return isinstance(schema.get("items"), dict)
    return kind != "object" or schema.get("additionalProperties") is False


def _make_numbers(schema: Mapping[str, Any]) -> _Strategy:
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low, high = schema.get("minimum", over), schema.get("maximum", under)

    def is_inside(number: Any) -> bool:
        is_over_low = (low is None or number >= low) and (over is None or number > over)
        return is_over_low and (high is None or number <= high) and (under is None or number < under)

    if schema["type"] == "integer":
        special: list[Any] = [*_INTEGERS, *(-number for number in _INTEGERS if number)]
        least, most = (None if low is None else math.ceil(low)), (None if high is None else math.floor(high))
        drawn: _Strategy = st.integers(least, most)
    else:
        special = [*_FLOATS, 0, 1, 3, *(-number for number in _FLOATS if number)]
        bounds = [bound if bound is None else _to_float(bound) for bound in (low, high)]
        drawn = st.floats(*bounds, allow_nan=False, allow_infinity=False).map(lambda number: number or 0.0)
    distinct = {(type(number), number): number for number in special if is_inside(number)}
    ends = [bound for bound in (low, high) if bound is not None and is_inside(bound)]
    choices = [st.sampled_from(numbers) for numbers in (list(distinct.values()), ends) if numbers]
    return st.one_of([*choices, drawn.filter(is_inside)])


def _to_float(number: float) -> float:
    """The number as a float; a bound from JSON may be too large for one."""
    try:
        return float(number)
    except OverflowError:
        return math.copysign(1.7976931348623157e308, number)


def _make_texts(schema: Mapping[str, Any]) -> _Strategy:
    least = schema.get("minLength", 0)
    most = schema.get("maxLength")
    if most is None:
        most = least + 40
    part = st.one_of(st.sampled_from(_LETTERS), st.sampled_from(_TEXTS))
    parts = st.lists(part, min_size=least, max_size=max(least, 8))
    return parts.map("".join).map(lambda text: text[:most]).filter(lambda text: len(text) >= least)


def _make_lists(schema: Mapping[str, Any]) -> _Strategy:
    items, least = schema["items"], schema.get("minItems", 0)
    most = min(schema.get("maxItems", least + 4), max(least, 4))
    elements = max(1, _count_elements(items))
    if elements > 1:
        most = max(least, min(most, _MOST_ELEMENTS // elements))
    item = _make_strategy(items)
    if least == most and least > 8 and items.get("type") in ("integer", "number", "boolean"):
        return _draw_uniform_list(item, least)
    return st.integers(least, most).flatmap(lambda size: st.lists(item, min_size=size, max_size=size))


def _count_elements(schema: Mapping[str, Any]) -> int:
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        return int(schema.get("minItems", 1)) * _count_elements(schema["items"])
    return 1


def _make_objects(schema: Mapping[str, Any]) -> _Strategy:
    required: dict[str, _Strategy] = {}
    optional: dict[str, _Strategy] = {}
    for name, child in schema.get("properties", {}).items():
        group = required if name in schema.get("required", []) else optional
        group[name] = _make_strategy(child)
    return st.fixed_dictionaries(required, optional=optional)


_MAKERS: dict[str, Callable[[Mapping[str, Any]], _Strategy]] = {
    "integer": _make_numbers,
    "number": _make_numbers,
    "string": _make_texts,
    "array": _make_lists,
    "object": _make_objects,
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
}


@st.composite
def _draw_uniform_list(draw: Callable[[_Strategy], Any], element: _Strategy, count: int) -> list[Any]:
    """A long list of one value with a few others: it shows what a failure needs, and costs little to draw."""
    values = [draw(element)] * count
    for index, value in draw(st.lists(st.tuples(st.integers(0, count - 1), element), max_size=6)):
        values[index] = value
    return values


@st.composite
def _draw_tensors(draw: Callable[[_Strategy], Any], specs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Nested lists by input name, of the `shape` of each spec; an open dimension has the same size in all of them.

    `element` of a spec is the schema of its numbers or texts.
    """
    shapes = [spec["shape"] for spec in specs]
    fixed = max(math.prod(size for size in shape if size > 0) for shape in shapes)
    sizes: dict[int, int] = {}
    for dimension in range(max(map(len, shapes))):
        if any(dimension < len(shape) and shape[dimension] < 0 for shape in shapes):
            sizes[dimension] = draw(st.integers(1, max(1, min(4, _MOST_ELEMENTS // fixed))))
    tensors = {}
    for spec in specs:
        shape = [sizes[dimension] if size < 0 else size for dimension, size in enumerate(spec["shape"])]
        count, element = math.prod(shape), _make_strategy(spec["element"])
        elements = st.lists(element, min_size=count, max_size=count)
        if count > 8:
            elements = _draw_uniform_list(element, count)
        flat = draw(elements)
        tensors[str(spec["name"])] = reshape(flat, shape) if shape else flat[0]
    return tensors


def make_draw_strategy(numbers: Sequence[int]) -> _Strategy:
    """One of these numbers, and a `random.Random` whose draws become simpler as well."""
    return st.tuples(st.sampled_from(numbers), st.randoms(use_true_random=False))


def draw_smallest(strategy: _Strategy, fails: Callable[[Any], bool], *, seed: str, most: int) -> None:
    """Draw at most `most` values, and simpler ones once one fails. `fails` may raise `SearchStopped`.

    The same seed draws the same values. Raises `HypothesisException` for a strategy without values.
    """
    quiet = hypothesis.settings(
        max_examples=_ROUND,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        verbosity=hypothesis.Verbosity.quiet,
        suppress_health_check=list(hypothesis.HealthCheck),
        print_blob=False,
        backend="hypothesis",
    )
    for number in range(math.ceil(most / _ROUND)):
        with contextlib.suppress(NoSuchExample):
            hypothesis.find(strategy, fails, settings=quiet, random=random.Random(f"{seed} {number}"))
            return


@contextlib.contextmanager
def isolate_hypothesis() -> Iterator[None]:
    """Run Hypothesis without a folder in the user's directory, and without constants taken from the loaded modules.

    The constants would make the requests depend on what else ran in this process.
    """
    home = getattr(configuration, "__hypothesis_home_directory", None)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="aiharness-"))
        stack.callback(configuration.set_hypothesis_home_dir, home)
        configuration.set_hypothesis_home_dir(folder)
        stack.enter_context(_disable_constants())
        yield


@contextlib.contextmanager
def _disable_constants() -> Iterator[None]:
    """Do nothing where this Hypothesis draws constants elsewhere: then a replay may draw other requests."""
    try:
        provider: Any = importlib.import_module("hypothesis.internal.conjecture.providers").HypothesisProvider
        draw_constant = provider._maybe_draw_constant
    except (ImportError, AttributeError):
        yield
        return
    provider._maybe_draw_constant = lambda *_, **__: None
    try:
        yield
    finally:
        provider._maybe_draw_constant = draw_constant


__all__ = ["HypothesisException", "draw_smallest", "isolate_hypothesis", "make_draw_strategy", "make_input_strategy"]
