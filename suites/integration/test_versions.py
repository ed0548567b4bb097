"""Several versions of a model, asked side by side: each request gets the answer of the version that it names."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.common import is_clear_refusal
from harness.checks.isolation.crosstalk import Round
from harness.checks.isolation.own_versions import VersionCall, judge_own_versions
from harness.core.exchange import Exchange, Query, Request
from harness.core.generation_options import merge_options
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive, mutate

_MOST_VERSIONS = 3
_INPUTS = 2
_CALLS = (_MOST_VERSIONS + 1) * _INPUTS
_IN_FLIGHT = (2, 4, 8, 8, 8)
_REQUESTS = _CALLS * (3 + len(_IN_FLIGHT))


def _choose_versions(listed: Sequence[str]) -> list[str]:
    """The first version and the last ones: a service that mixes them up mixes neighbours, or takes the newest."""
    return list(dict.fromkeys([listed[0], *listed[1 - _MOST_VERSIONS :]]))


def _write_request(ai_client: Session, query: Query, version: str | None) -> Request:
    """The request that asks this version; None: the path without a version."""
    endpoint = replace(ai_client.endpoint, version=version)
    query = replace(query, options=merge_options(endpoint.options, query.options))
    return ai_client.adapter.encode(endpoint, query, ai_client.facts)


def _ask(ai_client: Session, request: Request) -> Exchange:
    return ai_client.read(ai_client.send(request))


def _ask_rounds(ai_client: Session, requests: Sequence[Request]) -> list[Round]:
    """All requests in shuffled orders, with so many in flight, until one hangs."""
    generator = random.Random(f"{ai_client.settings.seed} versions side by side")
    rounds: list[Round] = []
    for most in _IN_FLIGHT:
        order = generator.sample(range(len(requests)), len(requests))
        exchanges = ai_client.ask_many([requests[number] for number in order], concurrency=most)
        rounds.append(list(zip(order, exchanges, strict=True)))
        if any(map(shows_hang, exchanges)):
            break
    return rounds


@check(
    "requests to several versions side by side each get the answer of their own version",
    needs=("other_versions",),
    requests=_REQUESTS,
    tokens=16 * _REQUESTS,
    broken_by=(mutate("swap_answers", wait=50), mutate("other_answer", skip=2 * _CALLS)),
)
def test_own_versions(ai_client: Session) -> Verdict:
    rows, ask = Rows(ai_client), partial(_ask, ai_client)
    queries = [rows.query([row]) for row in rows.draw_distinct(_INPUTS)]
    targets: list[str | None] = [*_choose_versions(ai_client.facts.versions), None]
    places = [(version, number) for version in targets for number in range(len(queries))]
    requests = [_write_request(ai_client, queries[number], version) for version, number in places]
    first, again = ask_in_turn(ask, requests), ask_in_turn(ask, requests)
    refusing = {version for (version, _), exchange in zip(places, first, strict=True) if is_clear_refusal(exchange)}
    answering = [place for place, (version, _) in enumerate(places) if version not in refusing]
    if len({places[place][0] for place in answering} - {None}) < 2:
        refused = next(exchange for exchange in first if is_clear_refusal(exchange))
        return make_inconclusive(f"fewer than two versions take the inputs of the sample: {refused.outcome}", n=0)
    may_reword = rows.text and not ai_client.promises.deterministic
    calls = [VersionCall(*places[place], first[place], again[place], may_reword) for place in answering]
    rounds: list[Round] = []
    after: list[Exchange] = []
    if all(call.first.ok and call.again.ok for call in calls):
        shown = [requests[place] for place in answering]
        rounds, after = _ask_rounds(ai_client, shown), ask_in_turn(ask, shown)
    verdict = judge_own_versions(calls, rounds, after, ai_client.show)
    left_out = ", ".join(sorted(filter(None, refusing)))
    return verdict.with_notes(f"versions left out, because they refuse the inputs: {left_out}") if left_out else verdict
