"""Each turn of a conversation finds the turns before it in the service's prefix cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from harness.checks.common import Show, judge
from harness.checks.generation.text_cases import get_usage
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Status, Verdict, judge_contract, make_inconclusive
from harness.stats.intervals import clopper_pearson_lower

_BLOCK = 128
"""Tokens by which less than the common prefix may be cached: caches keep whole blocks (OpenAI: 128, vLLM: 16), and a
chat template ends each prompt with a few tokens of its own."""
_BEGINNING = 64
"""A prefix that ends before this token differs in what the chat template writes, not in the conversation."""
_FEWEST_TRIPLES = 8
_ALPHA, _ALPHA_FAIL = 0.05, 0.01
_FIELD = "usage.prompt_tokens_details.cached_tokens"


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of a conversation: `prompts` are the whole texts that were sent, each the beginning of the next."""

    prompts: Sequence[str]
    exchanges: Sequence[Exchange]

    @property
    def states_cached(self) -> bool:
        """Whether an answer states how many tokens of its prompt were cached."""
        return any(get_usage(exchange.answer).cached_tokens is not None for exchange in self.exchanges)

    def list_misses(self) -> list[str | None]:
        """For each later turn what is not cached of its prefix; None: it is cached, empty: that is not stated."""
        return [_find_miss(self, turn) for turn in range(1, len(self.exchanges))]


@dataclass(frozen=True, slots=True)
class TurnTriple:
    """A turn whose prefix was sent before, the same turn after a prefix that is new, and a short new prompt."""

    warm: Exchange
    fresh: Exchange
    short: Exchange

    @property
    def times(self) -> tuple[float, float, float] | None:
        """Seconds from the send to the first token of each (to the end, if it is not streamed); None if one failed."""
        seconds = []
        for exchange in (self.warm, self.fresh, self.short):
            timing = exchange.timing
            end = timing.tokens[0] if timing.tokens else timing.done
            if not exchange.ok or end is None or timing.sent is None:
                return None
            seconds.append(end - timing.sent)
        return seconds[0], seconds[1], seconds[2]


@judge
def judge_cached_tokens(conversations: Sequence[Conversation], show: Show) -> Verdict:
    """Where the service states cached tokens: a prefix that is not cached in two conversations is not kept."""
    misses: list[tuple[str, Exchange]] = []
    for conversation in conversations:
        if failed := [exchange for exchange in conversation.exchanges if not exchange.ok]:
            return make_inconclusive(f"a turn was not answered: {failed[0].outcome}", n=len(conversations))
        problems = conversation.list_misses()
        if "" in problems:
            return make_inconclusive(f"not every turn states usage.prompt_tokens and {_FIELD}", n=len(conversations))
        if (turn := next((turn for turn, problem in enumerate(problems, 1) if problem), None)) is not None:
            misses.append((problems[turn - 1] or "", conversation.exchanges[turn]))
    example = show(*misses[-1]) if len(misses) > 1 else None
    cases = [Case("the later turns", example)]
    tokens = get_usage(conversations[0].exchanges[-1].answer).prompt_tokens
    return judge_contract(cases, f"each later turn of a conversation of {tokens} tokens finds its prefix cached")


def _find_miss(conversation: Conversation, turn: int) -> str | None:
    usages = [get_usage(exchange.answer) for exchange in conversation.exchanges]
    cached, tokens, common = usages[turn].cached_tokens, usages[turn].prompt_tokens, usages[turn - 1].prompt_tokens
    if cached is None or not tokens or not common:
        return ""
    if cached >= common - _BLOCK:
        return None
    shown = f"turn {turn + 1}: {cached} tokens were cached of the {common} that it shares with the turn before"
    if not cached:
        return f"{shown}: the prefix cache is off, or the prompt begins with something that changes"
    if cached < _BEGINNING:
        return f"{shown}: the prefix moves at its beginning: a date or an id in the chat template or system message?"
    prompt = conversation.prompts[turn]
    place = len(prompt) * cached // tokens
    return f"{shown}: the prefix moves at about token {cached}, near {prompt[max(0, place - 20) : place + 20]!r}"


@judge
def judge_cached_times(triples: Sequence[TurnTriple], show: Show) -> Verdict:
    """Where it states none: a kept prefix saves most of the time that reading a new one takes, by sign tests."""
    method = "sign tests over turns, each beside a new prefix and a short prompt"
    judged = [seconds for triple in triples if (seconds := triple.times) is not None]
    n = len(judged)
    if n < _FEWEST_TRIPLES:
        return make_inconclusive(f"{n} of {len(triples)} turns were answered in all three ways", n=n, method=method)
    warm, fresh, short = (median(row[i] for row in judged) * 1e3 for i in range(3))
    shown = f"first token after {warm:.3g} ms with the prefix sent before, {fresh:.3g} ms with a new one"
    shown += f", {short:.3g} ms without one (median of {n} turns; the service does not state {_FIELD})"
    costs = sum(new > least for _, new, least in judged)
    if clopper_pearson_lower(costs, n, _ALPHA) <= 0.5:
        reason = f"reading the prefix takes no time that could be saved: {shown}"
        return make_inconclusive(reason, n=n, method=method)
    saves = sum(new + least > 2 * again for again, new, least in judged)
    if clopper_pearson_lower(saves, n, _ALPHA) > 0.5:
        return Verdict(Status.PASS, f"each later turn finds its prefix cached: {shown}", n=n, method=method)
    if clopper_pearson_lower(n - saves, n, _ALPHA_FAIL) > 0.5:
        reason = f"later turns do not find their prefix cached: {shown}"
        example = show(reason, triples[-1].warm)
        return Verdict(Status.FAIL, reason, n=n, method=method, counterexamples=(example,))
    return make_inconclusive(f"it is not decided whether prefixes are cached: {shown}", n=n, method=method)
