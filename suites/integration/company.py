"""What is sent side by side: bad requests among good ones, and requests that each carry something of their own.

Tested in tests/suites/integration/test_company.py and tests/suites/integration/test_own_parts.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from harness.checks.answers.embeddings import extract_vectors, has_base64_vectors
from harness.checks.bad_input.parameters import CERTAIN_PARAMETERS, ENGINE_PARAMETERS
from harness.checks.bad_input.requests import BadRequest, make_bad_request
from harness.checks.bad_input.unusable_inputs import make_unusable_inputs, name_protocol_request
from harness.core.exchange import Headers, Query
from harness.protocols.shared.opaque_text import is_opaque_text
from harness.run.valid_inputs import Rows
from harness.suite import Session

from .bad_input_trials import make_bad_parameter

_T = TypeVar("_T")


def make_bad_neighbours(ai_client: Session, query: Query, most: int) -> list[BadRequest]:
    """At most `most` bad requests of different kinds: the input, the parameters, what the protocol forbids."""
    of_protocol = ai_client.adapter.bad_requests(ai_client.endpoint, ai_client.facts)
    request = ai_client.request(query)
    kinds = [list(make_unusable_inputs(request, query.inputs, of_protocol, is_opaque_text))]
    if ai_client.capabilities.tensors and any(bad.name == "missing_field" for bad in kinds[0]):
        kinds[0].insert(0, make_bad_request(request, "nan"))  # many decoders take it, and the model fails for its batch
    if ai_client.capabilities.generates:
        share = -(-most // 4)
        names = [*_select_spread(CERTAIN_PARAMETERS, share), *_select_spread(ENGINE_PARAMETERS[:-2], share)]
        kinds.append([make_bad_parameter(ai_client, name) for name in names])
    if not kinds[0]:
        kinds.append([name_protocol_request(name, wrong) for name, wrong in of_protocol.items()])
    share = -(-most // max(1, sum(map(bool, kinds))))
    return [bad for kind in kinds for bad in _select_spread(kind, share)][:most]


def _select_spread(values: Sequence[_T], n: int) -> list[_T]:
    """At most n of the values, from the first to the last."""
    if len(values) <= n:
        return list(values)
    return [values[place * (len(values) - 1) // max(1, n - 1)] for place in range(n)]


_FEWEST_TOKENS = 3
_REQUEST_ID = "x-request-id"


@dataclass(frozen=True, slots=True)
class CarriedQuery:
    """A request that carries something of its own: in words, as a query, with header lines."""

    words: str
    query: Query
    headers: Headers


def make_carriers(ai_client: Session, rows: Rows, n: int) -> list[CarriedQuery]:
    """n requests that differ in all that the protocol and the promises allow.

    An id, the outputs, the number of rows, the length of prompt and answer, the number of choices, log-probabilities,
    streamed or not, dimensions and encoding of vectors. Where an id or a choice of outputs is refused, they carry
    neither.
    """
    has_ids = ai_client.capabilities.own_ids
    inputs = list(enumerate(rows.draw_distinct(n)))
    with_options = has_ids and ai_client.ask(_carry(ai_client, rows, *inputs[-1], with_options=True).query).ok
    carried = [_carry(ai_client, rows, number, row, with_options=with_options) for number, row in inputs]
    return _vary_vectors(ai_client, rows, carried) if ai_client.capabilities.embeds else carried


def _vary_vectors(ai_client: Session, rows: Rows, carried: Sequence[CarriedQuery]) -> list[CarriedQuery]:
    """The requests with numbers of dimensions and encodings in turn, as far as the service honours them alone."""
    query = rows.query(rows.draw_fresh(1, "options side by side"))
    vectors = extract_vectors(ai_client.ask(query))
    numbers = len(vectors[0]) if vectors else 0
    sizes: list[int | None] = [None]
    for size in (numbers // 4, numbers // 2):
        cut = extract_vectors(ai_client.ask(_add_options(query, dimensions=size))) if size else []
        if cut and len(cut[0]) == size:
            sizes.append(size)
    takes_base64 = has_base64_vectors(ai_client.ask(_add_options(query, encoding_format="base64")))
    varied = []
    for number, one in enumerate(carried):
        options, words = dict(one.query.options), [one.words]
        if wanted := sizes[number % len(sizes)]:
            options["dimensions"] = wanted
            words.append(f"{wanted} dimensions")
        if takes_base64 and number % 2:
            options["encoding_format"] = "base64"
            words.append("base64")
        varied.append(replace(one, words=", ".join(words), query=replace(one.query, options=options)))
    return varied


def _add_options(query: Query, **options: Any) -> Query:
    return replace(query, options={**query.options, **options})


def _carry(ai_client: Session, rows: Rows, number: int, row: Any, *, with_options: bool) -> CarriedQuery:
    header = ai_client.promises.request_id or _REQUEST_ID
    own_id = f"aiharness-{ai_client.settings.seed}-{number}"
    words = [f"{header} {own_id}"]
    several = 1 + number % 3 if rows.batches else 1
    query = rows.query([f"{'So. ' * 5 * number}{row}" if rows.has_codes else row] * several)
    if several > 1:
        words.append(f"{several} rows")
    options = dict(query.options)
    if with_options:
        options["id"] = own_id
        names = [spec["name"] for spec in ai_client.facts.inputs.get("outputs") or []]
        if len(names) > 1:
            options["outputs"] = names[number % len(names) :]
            words.append(f"the outputs {', '.join(options['outputs'])}")
    query = replace(query, options=options)
    if ai_client.capabilities.generates:
        query = _vary_generation(ai_client, query, number)
        words.append(f"prompt and limit number {number}")
    return CarriedQuery(", ".join(words), query, ((header, own_id),))


def _vary_generation(ai_client: Session, query: Query, number: int) -> Query:
    """The query with a limit, choices, log-probabilities and a form of its own, as far as they are promised."""
    options = {**query.options, "temperature": 0}
    promises, has_options = ai_client.promises, ai_client.capabilities.chat_options
    if promises.choices and has_options:
        options["n"] = 1 + number % 3
    if promises.logprobs and has_options:
        options["logprobs"] = number % 2 == 0
    query = replace(query, options=options, stream=ai_client.capabilities.streaming and number % 4 == 3)
    return ai_client.limit_answer(query, _FEWEST_TOKENS + 2 * number)
