"""Two callers and one prefix cache: what one of them asked must not make the other one's prompt faster."""

from __future__ import annotations

import random
import secrets

from harness.checks.isolation.prefix_timing import (
    CONTROL_PAIRS,
    FIRST_PAIRS,
    MOST_PAIRS,
    PrefixPair,
    judge_prefix_isolation,
    sees_cache,
    shows_leak,
)
from harness.core.endpoint import Credentials
from harness.core.exchange import Exchange, Query
from harness.suite import Session, Verdict, check, mutate

_TEXT = "the fox cat dog bird is in the garden behind the barn under the tree near the river"
_WORDS = _TEXT.split()
_LENGTH = 300
"""Words of a prompt: enough that reading them takes longer than times vary."""
_REQUESTS = 3 * (CONTROL_PAIRS + MOST_PAIRS)


class _Callers:
    """The two callers, and prompts of one length that nobody has sent before."""

    def __init__(self, ai_client: Session) -> None:
        self._client = ai_client
        self._generator = random.Random(f"{ai_client.settings.seed} prefix timing")
        self._stream = ai_client.capabilities.streaming

    def make_pair(self, second: Credentials | None) -> PrefixPair:
        """The first caller asks something; the second one asks the same, and something new, in random order."""
        first = self._client.endpoint.credentials
        prefix, other = self._draw_prefix(), self._draw_prefix()
        self._ask(prefix, "And then?", first)
        questions = {"known": prefix, "fresh": other}
        order = self._generator.sample(list(questions), 2)
        return PrefixPair(**{name: self._ask(questions[name], "What now?", second) for name in order})

    def _draw_prefix(self) -> str:
        return f"{secrets.token_hex(8)} {' '.join(self._generator.choices(_WORDS, k=_LENGTH))}."

    def _ask(self, prefix: str, end: str, credentials: Credentials | None) -> Exchange:
        sample = self._client.sample(stream=self._stream)
        query = Query(f"{prefix} {end}", self._stream, {**sample.options, "temperature": 0})
        query = self._client.limit_answer(query, 1)
        if credentials is self._client.endpoint.credentials:
            return self._client.ask(query)
        return self._client.ask(query, credentials=credentials)


@check(
    "one caller's prompts do not make another caller's faster",
    level="warn",
    needs=("generates",),
    grounds=("other_caller",),
    requests=_REQUESTS,
    tokens=_REQUESTS,
    alone=True,
    broken_by=(mutate("delay_answer", delay=60, beginning=256),),
    clauses=("OWASP LLM02:2025 sensitive information disclosure", "OWASP AISVS 5.5.5", "CVE-2025-46570"),
)
def test_prefix_isolation(ai_client: Session) -> Verdict:
    callers, endpoint = _Callers(ai_client), ai_client.endpoint
    control = [callers.make_pair(endpoint.credentials) for _ in range(CONTROL_PAIRS)]
    pairs: list[PrefixPair] = []
    while sees_cache(control) and len(pairs) < MOST_PAIRS:
        pairs.append(callers.make_pair(endpoint.other_credentials))
        if len(pairs) == FIRST_PAIRS and shows_leak(pairs):
            break
    return judge_prefix_isolation(control, pairs, ai_client.show)
