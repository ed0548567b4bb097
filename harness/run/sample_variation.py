"""Inputs whose answers differ from the sample's: an input that shows one class tells no answer from another.

Tested in tests/commands/test_init_services.py.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from itertools import starmap
from typing import Any

from harness.checks.comparison import find_difference
from harness.core.endpoint import Template
from harness.core.exchange import Exchange
from harness.core.json_path import list_leaves, map_leaves
from harness.protocols.shared.json_schema import Schema
from harness.protocols.shared.named_fields import vary_value
from harness.protocols.shared.sample_making import PICTURE, TEXTS, make_picture
from harness.protocols.shared.valid_input import split_schema

_MOST_TRIES, _ENOUGH = 24, 2
"""Inputs that are asked, and further answers after which it is enough."""
_CODE = "48151623"
_COLOURS = ((200,), (220, 30, 30), (0,), (30, 60, 220), (30, 180, 40), (250,))
"""Shades of grey, or red, green and blue."""
_SCALES = (10.0, 1.0, 100.0, 3.0, 1000.0, 30.0)
"""Sizes of numbers that are tried where no range is stated; fields differ in size, so each gets one of its own."""


def find_other_samples(
    template: Template, sample: Any, schema: Schema, proof: Exchange, ask: Callable[[Template, Any], Exchange]
) -> tuple[Any, ...]:
    """Inputs of the sample's form whose answers differ from its answer and from one another; none if there are none.

    Texts that are all answered otherwise show a service that writes, and not one that decides: then there are none,
    because checks then ask it to repeat a code; but for a model that repeats no code, and answers a text always alike.
    """
    is_text = takes_text(template, sample)
    answers, samples, differing = [proof.content], [], 0
    count = 0
    for value in _list_candidates(template, sample, schema):
        exchange = ask(template, value)
        count += 1
        if not exchange.ok or exchange.content is None:
            continue
        if find_difference(proof.content, exchange.content) is not None:
            differing += 1
        if all(find_difference(answer, exchange.content) is not None for answer in answers):
            answers.append(exchange.content)
            samples.append(value)
        if count >= _MOST_TRIES or (len(samples) >= _ENOUGH and not is_text):
            break
    writes = is_text and isinstance(proof.content, str) and len(answers) > 1 + count // 2
    if writes and not _repeats_nothing(template, samples, answers, ask):
        return ()
    return tuple(samples[:_ENOUGH])


def takes_text(template: Template, sample: Any) -> bool:
    """Whether the sample is a text, and no file or picture."""
    return isinstance(sample, str) and sample != PICTURE and template.upload is None


def _repeats_nothing(
    template: Template, samples: list[Any], answers: list[Any], ask: Callable[[Template, Any], Exchange]
) -> bool:
    """Whether a service that writes does not repeat a code that it is asked for, and answers a text again alike."""
    coded, again = ask(template, f"Repeat after me: {_CODE}"), ask(template, samples[0])
    if not coded.ok or _CODE in str(coded.content):
        return False
    return again.ok and find_difference(answers[1], again.content) is None


def _list_candidates(template: Template, sample: Any, schema: Schema) -> Iterator[Any]:
    generator = random.Random("samples")
    if template.upload is not None:
        yield from starmap(make_picture, _COLOURS)
        return
    leaves = list_leaves(sample)
    if PICTURE in leaves:
        yield from (_exchange_leaf(sample, PICTURE, make_picture(*colour)) for colour in _COLOURS)
        return
    if isinstance(sample, str) and sample != TEXTS[0]:
        yield from TEXTS
        return
    if TEXTS[0] in leaves:
        yield from (_exchange_leaf(sample, TEXTS[0], text) for text in TEXTS[1:])
    if not isinstance(sample, dict) and not any(isinstance(leaf, int | float) for leaf in leaves):
        return
    part = _find_input_schema(template, schema)
    has_bounds = any(isinstance(leaf, str | bool) for leaf in list_leaves(sample))
    for place in range(_MOST_TRIES):
        varied = _round_fractions(vary_value([sample], part, generator))
        if place % 2 == 0 or (has_bounds and place % 3 == 0):
            yield varied
        else:
            yield _round_fractions(_scale_numbers(sample, _SCALES[place // 2 % len(_SCALES)], part, generator))


def _exchange_leaf(sample: Any, old: str, new: str) -> Any:
    """The sample with another text, or picture, for the one that it was made with."""
    return map_leaves(sample, lambda leaf: new if leaf == old else leaf)


def _find_input_schema(template: Template, schema: Schema) -> Schema:
    """The schema of the input within that of the body."""
    if template.body == "{{input}}":
        return schema
    try:
        form = json.loads(template.body.replace("{{input}}", '"{{input}}"'))
    except ValueError:
        return {}
    parts = split_schema(form, "{{input}}", schema)
    if parts is None:
        return {}
    part: Schema = parts["input"]
    return part


def _round_fractions(value: Any) -> Any:
    """The value with numbers of few digits, which a person can read."""

    def shorten(leaf: Any) -> Any:
        if type(leaf) is float and abs(leaf) >= 1:
            return round(leaf, 2)
        return leaf

    return map_leaves(value, shorten)


def _scale_numbers(sample: Any, scale: float, schema: Schema, generator: random.Random) -> Any:
    """The sample with numbers of another size; a bounded one is drawn from its range, as `vary_value` does."""

    def draw(leaf: Any) -> Any:
        own = scale
        if isinstance(sample, dict):
            own = generator.choice((*_SCALES, 1e4, 1e5))
        if type(leaf) is float:
            return round(generator.uniform(0, own), 3)
        if type(leaf) is int:
            return generator.randint(0, int(own))
        return leaf

    resized = map_leaves(sample, draw)
    return vary_value([resized], schema, generator)
