"""Known requests of a load: found by asking them before it, and asked again after it before the load is blamed.

Tested in tests/load/test_known.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat

from harness.checks.comparison import compare_contents
from harness.core.exchange import Exchange, Query, Request
from harness.core.generation_options import choose_limit_value, find_limit_option
from harness.core.load import KnownRequest, LoadResult
from harness.core.workload import OF_SESSIONS, SAMPLE, Material
from harness.load.controls import show_content
from harness.load.draws import Draw, make_text
from harness.load.forms import TEXT_MARK, make_digits, make_workload
from harness.load.material import PROBES, Source
from harness.load.reference import CONTROL_REQUESTS, Reference, find_difference_between
from harness.load.workload.text import find_text, put_prompt
from harness.run.oracle import read_rows

_MOST_KNOWN, _TIMES = 4, 2
"""Requests that become known beside the sample, and how often each is asked before the load."""

_ECHOES, _MORE_ECHOES = 6, 18
"""Codes that must all be repeated before the load, and after it where some were not under load."""

ASKED_BESIDE = 2 * (CONTROL_REQUESTS + PROBES) + _MOST_KNOWN * (_TIMES + 1) + _ECHOES + _MORE_ECHOES
"""The most requests that a load sends beside its own."""

_LONG_PROMPTS = (260, 520)
"""Tokens of prompts that are known beside those of the workload: batching is known to change answers to over 200."""

_ECHO_TOKENS = 32
"""The limit of tokens of an answer that repeats a code; a larger one that is configured is kept."""

_ALPHA = 0.01
"""Codes that are lost under load must be this unlikely if the load had changed nothing."""

_Ask = Callable[[Query], Exchange]


@dataclass(frozen=True, slots=True)
class Controlled:
    """What is known: requests with their answers, the queries that they are, and the query that asks for a code."""

    known: tuple[KnownRequest, ...] = ()
    queries: tuple[Query, ...] = ()
    echo: Query | None = None


def find_known(
    material: Material, source: Source, count: int, ask: _Ask, encode: Callable[[Query], Request], *, may_reword: bool
) -> Controlled:
    """Ask what may become known beside a load of `count` requests. `may_reword`: as `ask_reference` has it.

    A request is known if each answer is valid and alike, and of a labelled row has its label; a code is asked for only
    if each of them is repeated.
    """
    if material.workload in (SAMPLE, *OF_SESSIONS):
        return Controlled()
    known, queries = [], []
    for name, query, label in [] if may_reword else _list_candidates(material, source, count):
        answers = [ask(query) for _ in range(_TIMES)]
        if entry := _make_known(name, encode(query), label, answers):
            known.append(entry)
            queries.append(query)
    echo = _make_echo(material, source)
    if echo is not None and _count_lost(echo, material.seed, range(count, count + _ECHOES), ask):
        echo = None
    return Controlled(tuple(known), tuple(queries), echo)


def _list_candidates(material: Material, source: Source, count: int) -> list[tuple[str, Query, str | None]]:
    """Names, queries and labels: labelled rows, long prompts, and requests of the workload."""
    candidates: list[tuple[str, Query, str | None]] = []
    sample, is_text = material.sample, find_text(material.sample.inputs) is not None
    labels = source.labels or repeat(None)
    rows = list(zip(range(len(source.rows)), source.rows, labels, strict=False))
    for place, inputs, label in random.Random(f"{material.seed} known").sample(rows, min(_MOST_KNOWN, len(rows))):
        candidates.append((f"row {place} of [data]", replace(sample, inputs=inputs), label))
    if is_text and not candidates and material.settings.input_tokens is None and material.workload == "text":
        draw = Draw(f"{material.seed} known prompts")
        for tokens in _LONG_PROMPTS:
            inputs = put_prompt(sample.inputs, make_text(draw, tokens))
            candidates.append((f"a prompt of {tokens} tokens", replace(sample, inputs=inputs), None))
    workload = make_workload(material)
    for i in range(count + PROBES, count + PROBES + _MOST_KNOWN - len(candidates)):
        candidates.append((f"a request of the workload (number {i})", workload.make_query(i), None))
    return candidates


def _make_known(name: str, request: Request, label: str | None, answers: Sequence[Exchange]) -> KnownRequest | None:
    """The request with what is known of its answer; None where the answers do not agree."""
    known = KnownRequest(name, request, answers[0].content if label is None else None, label)
    return known if all(_is_right(known, exchange) for exchange in answers) else None


def _is_right(known: KnownRequest, exchange: Exchange) -> bool:
    if not exchange.ok or exchange.answer is None or exchange.content is None:
        return False
    if known.label is not None:
        return _read_label(exchange) == known.label
    return compare_contents(known.content, exchange.content) is None


def _read_label(exchange: Exchange) -> str | None:
    rows = read_rows(exchange.answer, 1) if exchange.answer else None
    return str(rows[0].label).strip() if rows else None


def _make_echo(material: Material, source: Source) -> Query | None:
    """The query that asks for the mark in it to be repeated, with about as long a prompt as the others."""
    sample, length = material.sample, material.settings.input_tokens
    if material.workload != "text" or find_text(sample.inputs) is None or source.capabilities.embeds:
        return None
    prompt = f"Repeat after me: {TEXT_MARK}"
    if length is not None:
        prompt = f"{make_text(Draw(f'{material.seed} echo'), int(length.middle))}\n\n{prompt}"
    limit = {find_limit_option(sample.options): choose_limit_value(source.endpoint.options, _ECHO_TOKENS)}
    return replace(sample, inputs=put_prompt(sample.inputs, prompt), options={**sample.options, **limit})


def _count_lost(echo: Query, seed: int, numbers: Sequence[int], ask: _Ask) -> int:
    """How many of these codes the service does not repeat; it is asked no more after the first of them."""
    for k in numbers:
        code = make_digits(seed, k)
        text = (find_text(echo.inputs) or "").replace(TEXT_MARK, code)
        exchange = ask(replace(echo, inputs=put_prompt(echo.inputs, text)))
        if not exchange.ok or exchange.answer is None or code not in show_content(exchange.answer):
            return 1
    return 0


def confirm_wrong_answers(
    result: LoadResult, controlled: Controlled, before: Reference, ask_sample: Callable[[], Reference], ask: _Ask
) -> LoadResult:
    """The result without wrong answers that the service gives without load, too: then it changes by itself."""
    problem = ""
    if result.wrong_count and before.content is not None:
        after = ask_sample()
        problem = after.problem or find_difference_between(before, after)
    for known, query in zip(controlled.known, controlled.queries, strict=True):
        if result.wrong_count and not problem and not _is_right(known, ask(query)):
            problem = f"without load the service answers {known.name} otherwise after the load than before"
    if problem:
        return replace(result, wrong_count=0, compared=0, wrong=(), not_compared=problem)
    return result


def judge_lost_echoes(result: LoadResult, controlled: Controlled, seed: int, count: int, ask: _Ask) -> LoadResult:
    """The result with codes that got lost under load as wrong answers, if the load must have done it.

    A model may fail to repeat a code now and then: as many failures must be improbable for a service that fails as
    often without load, where every code was repeated, before and after.
    """
    lost = result.unechoed
    if not lost or controlled.echo is None:
        return result
    controls = _ECHOES + _MORE_ECHOES
    if compute_all_lost(lost, result.echoed, controls) > _ALPHA:
        return result
    first = count + _ECHOES
    if _count_lost(controlled.echo, seed, range(first, first + _MORE_ECHOES), ask):
        return result
    return replace(result, wrong_count=result.wrong_count + lost, wrong=(*result.wrong, *result.lost_echoes))


def compute_all_lost(lost: int, echoed: int, controls: int) -> float:
    """The probability that `lost` losses all fall on the `echoed` answers and none on the controls, by chance alone
    (the hypergeometric tail, as in Fisher's exact test).
    """
    probability = 1.0
    for i in range(lost):
        probability *= (echoed - i) / (echoed + controls - i)
    return probability
