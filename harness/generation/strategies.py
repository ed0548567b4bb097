"""Hypothesis, as far as it is needed: strategies for a JSON Schema and for tensors, and a search without side effects.

Loaded only when its check runs (the extra `property`): Hypothesis costs 0.3 s of CPU to import.
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

_Strategy = st.SearchStrategy[Any]

_MOST_ELEMENTS = 20_000
"""Numbers in one request, above which only single rows are made."""
_ROUND = 10
"""Values drawn before starting afresh: after so many, Hypothesis varies old ones, which few requests can afford."""
_LETTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits + " .,;:-_'\"\\/<>&%{}[]()\n\t\0é漢🙂א\u0301"
_TEXTS = ("", *"a\"'\\\n\0", "0", "-1", "null", "NaN", "<b>", "%s", "{}", "é", "漢字", "🙂", "אב", "e\u0301")
_POWERS = [2**bits for bits in (7, 8, 15, 16, 24, 31, 32, 53, 63, 64)]
_WHOLE = sorted({0, 1, 2, 3, 10, 100, 1000, *_POWERS, *(each - 1 for each in _POWERS), 2**31 + 1, 2**32 + 1})
_PARTS = (0.0, 1.0, 0.5, 2.0, 0.1, 1e-3, 1e-9, 1e6, 1e10, 1e30, 1e38, 1e300, 1e308)
_PLAIN_NUMBER = {"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_PLAIN_LIST = {"type", "items", "minItems", "maxItems"}
_PLAIN_OBJECT = {"type", "properties", "required", "additionalProperties"}
_PLAIN_TEXT = {"type", "minLength", "maxLength"}


def make_strategy(schema: Mapping[str, Any]) -> _Strategy:
    """Values of a schema: numbers over their whole range with its ends, lists mostly of one value with few others.

    What is not a plain number, text, list or object is left to hypothesis-jsonschema, which is loaded for that alone.
    """
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return st.sampled_from(schema["enum"])
    kind, keys = schema.get("type"), schema.keys()
    if isinstance(kind, list) and kind:
        return st.one_of([make_strategy({**schema, "type": each}) for each in kind])
    if keys == {"anyOf"}:
        return st.one_of([make_strategy(each) for each in schema["anyOf"]])
    if kind in ("integer", "number") and keys <= _PLAIN_NUMBER:
        return _numbers(schema)
    if kind == "string" and keys <= _PLAIN_TEXT:
        return _texts(schema.get("minLength", 0), schema.get("maxLength"))
    if kind == "array" and keys <= _PLAIN_LIST and isinstance(schema.get("items"), dict):
        return _lists(schema)
    if kind == "object" and keys <= _PLAIN_OBJECT and schema.get("additionalProperties") is False:
        return _objects(schema)
    if kind in ("boolean", "null") and keys == {"type"}:
        return st.booleans() if kind == "boolean" else st.none()
    made: _Strategy = importlib.import_module("hypothesis_jsonschema").from_schema(dict(schema))
    return made


def _numbers(schema: Mapping[str, Any]) -> _Strategy:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")

    def inside(each: Any) -> bool:
        over_low = (low is None or each >= low) and (over is None or each > over)
        return over_low and (high is None or each <= high) and (under is None or each < under)

    ends = [each for each in (low, high) if each is not None]
    if schema["type"] == "integer":
        least, most = (None if low is None else math.ceil(low)), (None if high is None else math.floor(high))
        special: list[Any] = [*_WHOLE, *(-each for each in _WHOLE if each)]
        drawn: _Strategy = st.integers(least, most)
    else:
        special = [*_PARTS, 0, 1, 3, *(-each for each in _PARTS if each)]
        bounds = [None if each is None else _float(each) for each in (low, high)]
        drawn = st.floats(*bounds, allow_nan=False, allow_infinity=False).map(lambda each: each or 0.0)
    special = [each for _, each in dict.fromkeys((type(each), each) for each in special if inside(each))]
    kinds = [st.sampled_from(each) for each in (special, [end for end in ends if inside(end)]) if each]
    return st.one_of([*kinds, drawn.filter(inside)])


def _float(number: float) -> float:
    """The number as a float, which a bound from JSON may be too large for."""
    try:
        return float(number)
    except OverflowError:
        return math.copysign(1.7976931348623157e308, number)


def _texts(least: int, most: int | None) -> _Strategy:
    most = least + 40 if most is None else most
    parts = st.lists(
        st.one_of(st.sampled_from(_LETTERS), st.sampled_from(_TEXTS)), min_size=least, max_size=max(least, 8)
    )
    return parts.map("".join).map(lambda text: text[:most]).filter(lambda text: len(text) >= least)


def _lists(schema: Mapping[str, Any]) -> _Strategy:
    items, least = schema["items"], schema.get("minItems", 0)
    most = min(schema.get("maxItems", least + 4), max(least, 4))
    inner = max(1, _elements(items))
    if inner > 1:
        most = max(least, min(most, _MOST_ELEMENTS // inner))
    if least == most and least > 8 and items.get("type") in ("integer", "number", "boolean"):
        return _mostly(make_strategy(items), least)
    element = make_strategy(items)
    return st.integers(least, most).flatmap(lambda size: st.lists(element, min_size=size, max_size=size))


def _elements(schema: Mapping[str, Any]) -> int:
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        return int(schema.get("minItems", 1)) * _elements(schema["items"])
    return 1


def _objects(schema: Mapping[str, Any]) -> _Strategy:
    required = schema.get("required", [])
    parts = {name: make_strategy(each) for name, each in schema.get("properties", {}).items()}
    return st.fixed_dictionaries(
        {name: each for name, each in parts.items() if name in required},
        optional={name: each for name, each in parts.items() if name not in required},
    )


@st.composite
def _mostly(draw: Callable[[_Strategy], Any], element: _Strategy, count: int) -> list[Any]:
    """A long list of one value, but for a few others: what a failure needs shows, and drawing it costs little."""
    made = [draw(element)] * count
    for index, value in draw(st.lists(st.tuples(st.integers(0, count - 1), element), max_size=6)):
        made[index] = value
    return made


@st.composite
def draw_tensors(draw: Callable[[_Strategy], Any], specs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Nested lists by input name: `shape` of each spec, with one size for each open dimension of the same place.

    `element` of a spec is the schema of its numbers or texts.
    """
    rank = max(len(each["shape"]) for each in specs)
    open_ = {place for each in specs for place, size in enumerate(each["shape"]) if size < 0}
    fixed = max(math.prod(size for size in each["shape"] if size > 0) for each in specs)
    sizes = {
        place: draw(st.integers(1, max(1, min(4, _MOST_ELEMENTS // fixed)))) for place in range(rank) if place in open_
    }
    made = {}
    for each in specs:
        shape = [sizes[place] if size < 0 else size for place, size in enumerate(each["shape"])]
        count, element = math.prod(shape), make_strategy(each["element"])
        flat = draw(_mostly(element, count) if count > 8 else st.lists(element, min_size=count, max_size=count))
        made[str(each["name"])] = reshape(flat, shape) if shape else flat[0]
    return made


def combine_options(inputs: _Strategy, options: Mapping[str, Any]) -> _Strategy:
    """Values `{"inputs", "options"}`; `options` is the schema of the object beside the input."""
    return st.fixed_dictionaries({"inputs": inputs, "options": make_strategy(options)})


def draw_smallest(found: _Strategy, fails: Callable[[Any], bool], *, seed: str, most: int) -> None:
    """Draw at most `most` values, and simpler ones once one fails; `fails` keeps what it sees, and may raise `Enough`.

    The same seed draws the same values. Raises `HypothesisException` for a strategy that yields none.
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
            hypothesis.find(found, fails, settings=quiet, random=random.Random(f"{seed} {number}"))
            return


@contextlib.contextmanager
def isolate_hypothesis() -> Iterator[None]:
    """Hypothesis without its folder in the user's, and without constants from whatever modules happen to be loaded.

    The latter would make the requests depend on what else ran in this process.
    """
    home = getattr(configuration, "__hypothesis_home_directory", None)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="aiharness-"))
        stack.callback(configuration.set_hypothesis_home_dir, home)
        configuration.set_hypothesis_home_dir(folder)
        stack.enter_context(_without_constants())
        yield


@contextlib.contextmanager
def _without_constants() -> Iterator[None]:
    """Nothing where Hypothesis keeps them elsewhere: then a replay may draw other requests, and no more is lost."""
    try:
        provider: Any = importlib.import_module("hypothesis.internal.conjecture.providers").HypothesisProvider
        draws = provider._maybe_draw_constant
    except (ImportError, AttributeError):
        yield
        return
    provider._maybe_draw_constant = lambda *_, **__: None
    try:
        yield
    finally:
        provider._maybe_draw_constant = draws


__all__ = [
    "HypothesisException",
    "combine_options",
    "draw_smallest",
    "draw_tensors",
    "isolate_hypothesis",
    "make_strategy",
]
