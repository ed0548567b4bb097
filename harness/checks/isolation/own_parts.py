"""Concurrent requests that each carry something of their own: an id, outputs, a limit, a header, a length.

Tested in tests/suites/integration/test_own_parts.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

from harness.checks.answers.embeddings import extract_vectors, has_base64_vectors
from harness.checks.common import (
    Show,
    count_at_once,
    explain_decline,
    find_failed,
    has_counterexample,
    judge,
    judge_case,
)
from harness.checks.comparison import compare_contents, extract_tensors
from harness.checks.generation.text_cases import get_usage
from harness.core.array_shape import find_shape
from harness.core.exchange import Answer, Exchange, Request
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_COMPLETION = "completion tokens"
_PROMPT = "prompt tokens"
_COUNTED = (_PROMPT, _COMPLETION)
"""Parts that a service may count otherwise beside others; what it counted for another request alone is that one's."""
_SLACK = 3
"""Prompt tokens that a request may count beyond those alone: a cache makes them fewer, and nothing makes them more."""

_FORM_HEADERS = ("content-type", "accept")
"""Header lines that say something about the form of a message, and nothing about one request."""
_SHORTEST_ID = 6
_MANY_REPEATED = 4
"""Answers with an id that was given before: random ids of a thousand meet now and then among thirty."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A request that carries something of its own (in words), and its answer alone, asked twice."""

    words: str
    first: Exchange
    again: Exchange

    @property
    def parts(self) -> dict[str, Any]:
        """What belongs to this request alone: the parts that both answers have, equal."""
        parts, again = read_parts(self.first), read_parts(self.again)
        for name in list(parts):
            if parts[name] != again.get(name):
                del parts[name]
        return parts


def read_parts(exchange: Exchange) -> dict[str, Any]:
    """What an answer states besides its values, by name: ids, outputs, choices, counts, header lines sent back."""
    answer, response = exchange.answer, exchange.response
    if not exchange.ok or answer is None or response is None:
        return {}
    usage = get_usage(answer)
    parts = {
        "id": _read_id(answer),
        "outputs": _describe_outputs(answer),
        "encoding": _name_encoding(exchange),
        "choices": len(answer.choices) or None,
        _PROMPT: usage.prompt_tokens,
        _COMPLETION: usage.completion_tokens,
    }
    for name, _ in exchange.request.headers:
        if name not in _FORM_HEADERS:
            parts[f"header {name}"] = response.header(name)
    for name in list(parts):
        if parts[name] is None:
            del parts[name]
    return parts


def _read_id(answer: Answer) -> Any:
    return answer.value.get("id") if isinstance(answer.value, Mapping) else None


def _describe_outputs(answer: Answer) -> list[str] | None:
    """The names of the outputs with datatype and shape, or with the number of their entries."""
    if answer.text is not None:
        return None
    described = []
    for tensor in extract_tensors(answer):
        described.append(f"{tensor.get('name')} {tensor.get('datatype')}{tensor.get('shape')}")
    if not described:
        for name, value in answer.arrays.items():
            described.append(f"{name}{find_shape(value)}")
    return described or None


def _name_encoding(exchange: Exchange) -> str | None:
    """How vectors are written; None: there are none."""
    if not extract_vectors(exchange):
        return None
    return "base64" if has_base64_vectors(exchange) else "numbers"


@judge
def judge_own_parts(
    carriers: Sequence[Carrier],
    rounds: Sequence[Sequence[tuple[int, Exchange]]],
    show: Show,
    *,
    deterministic: bool = False,
) -> Verdict:
    """Side by side each request gets back what it alone got back: its id, its outputs, its counts, its header lines.

    A round has the numbers of carriers with their answers. A part is judged if it was the same both times alone and
    differs between the carriers; without a promise of determinism, counts of tokens only if they are another request's.
    Ids that the service makes itself must not repeat.
    """
    alone: list[Exchange] = []
    for carrier in carriers:
        alone += (carrier.first, carrier.again)
    if (failed := find_failed(alone)) is not None:
        return make_inconclusive(f"a request that carries more is not answered alone: {failed.outcome}", n=0)
    own = [carrier.parts for carrier in carriers]
    if not own:
        return make_inconclusive("nothing was asked", n=0)
    judged = _select_telling(own)
    if not deterministic and _COMPLETION in judged:
        judged.remove(_COMPLETION)
    sent = list(chain.from_iterable(rounds))
    fresh = _list_fresh_ids([*alone, *map(itemgetter(1), sent)])
    if not judged and not fresh:
        return make_inconclusive("answers state nothing that belongs to one request alone", n=0)
    cases = []
    for place, (number, exchange) in enumerate(sent):
        name = f"request {place} ({carriers[number].words})"
        problem = "" if exchange.ok else f"it fails beside others: {exchange.outcome}"
        if exchange.ok:
            problem = next(_list_swapped(number, exchange, own, judged, carriers), "")
        cases.append(judge_case(name, exchange, problem and f"{name}: {problem}", show, explain_decline(exchange)))
    if fresh:
        cases.append(_judge_fresh_ids(fresh, show))
    most = count_at_once(map(itemgetter(1), sent))
    if most < 2 and not has_counterexample(cases):
        return make_inconclusive("no two requests were under way at the same time", n=0)
    listed = ", ".join([*judged, *(["ids given once"] if fresh else [])])
    holds = f"{len(sent)} requests, up to {most} at once, each got back what belongs to it ({listed})"
    return judge_contract(cases, holds, distinct=len(carriers))


def _select_telling(own: Sequence[Mapping[str, Any]]) -> list[str]:
    """The parts that every request alone has, not the same for all."""
    telling = []
    for name in own[0]:
        values = [parts.get(name) for parts in own]
        if None not in values and values.count(values[0]) < len(values):
            telling.append(name)
    return telling


def _list_swapped(
    number: int,
    exchange: Exchange,
    own: Sequence[Mapping[str, Any]],
    judged: Sequence[str],
    carriers: Sequence[Carrier],
) -> Iterator[str]:
    parts = read_parts(exchange)
    alone = own[number].get(_PROMPT, 0)
    is_whole = alone > len(exchange.request.body.split())  # a word is a token or more: no cache was left out of it
    if is_whole and parts.get(_PROMPT, 0) > alone + _SLACK:
        yield f"it counts {parts[_PROMPT]} prompt tokens beside others, and {alone} alone"
    for name in judged:
        value, expected = parts.get(name), own[number][name]
        if value == expected:
            continue
        values = [stated[name] for stated in own]
        words = f"its {name} is {value!r:.80} beside others, and {expected!r:.80} alone"
        if value in values:
            yield f"cross-talk: {words}; it belongs to the request with {carriers[values.index(value)].words}"
        elif name not in _COUNTED:
            yield words
    if extract_vectors(exchange) and (change := compare_contents(carriers[number].first.content, exchange.content)):
        yield f"its vectors are others beside others than alone: {change}"


def _list_fresh_ids(exchanges: Sequence[Exchange]) -> list[tuple[str, Exchange]]:
    """The ids that a service made itself, with their answers; none if it gives all answers the same."""
    fresh = []
    for exchange in exchanges:
        id_ = read_parts(exchange).get("id")
        if isinstance(id_, str) and not _is_given(id_, exchange.request):
            fresh.append((id_, exchange))
    return fresh if len(dict(fresh)) > 1 else []


def _is_given(id_: str, request: Request) -> bool:
    """Whether an id is made of something that the request carries: some services answer with the caller's own."""
    carried = [value for _, value in request.headers if len(value) >= _SHORTEST_ID]
    return id_.encode() in request.body or any(value in id_ for value in carried)


def _judge_fresh_ids(fresh: Sequence[tuple[str, Exchange]], show: Show) -> Case:
    by_id = dict(fresh)
    commonest, _ = Counter(map(itemgetter(0), fresh)).most_common(1)[0]
    problem = ""
    if len(fresh) - len(by_id) >= _MANY_REPEATED:
        problem = f"{len(fresh)} answers have {len(by_id)} ids, such as {commonest!r:.60}"
    return judge_case("ids", by_id[commonest], problem, show)
