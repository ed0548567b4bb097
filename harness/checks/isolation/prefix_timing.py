"""Whether one caller's prompts make another's faster: a shared prefix cache tells what was asked (CVE-2025-46570)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from harness.checks.common import Show, judge
from harness.checks.generation.text_cases import get_usage
from harness.core.exchange import Exchange
from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper

CONTROL_PAIRS, FIRST_PAIRS, MOST_PAIRS = 20, 40, 96
"""Pairs of the control, and of the question: 40 show a leak in 80 % of pairs with a power of .99, and where nothing
leaks 96 pass with a power of .9."""
_ALPHA, _ALPHA_FAIL = 0.05, 0.005
"""Error rates: of the control and of a PASS, and of each of the two looks that can FAIL."""
_MOST_SHARE = 0.65
"""A PASS shows that in at most so many of the pairs the other caller's prompt is faster; by chance it is half."""
_MOST_LOST = 0.1
_METHOD = "exact sign test over interleaved pairs"


@dataclass(frozen=True, slots=True)
class PrefixPair:
    """Two prompts of one length: the beginning of `known` was asked before, that of `fresh` was not."""

    known: Exchange
    fresh: Exchange

    @property
    def times(self) -> tuple[float, float] | None:
        """Seconds from the send to the first token of both (to the end, if it is not streamed); None if one failed."""
        known, fresh = _measure(self.known), _measure(self.fresh)
        return None if known is None or fresh is None else (known, fresh)

    @property
    def states_leak(self) -> bool:
        """Whether the service itself says that its cache had the beginning of `known`, and not that of `fresh`."""
        known, fresh = (get_usage(exchange.answer).cached_tokens for exchange in (self.known, self.fresh))
        return known is not None and fresh is not None and known > fresh


def _measure(exchange: Exchange) -> float | None:
    timing = exchange.timing
    end = timing.tokens[0] if timing.tokens else timing.done
    return None if not exchange.ok or end is None or timing.sent is None else end - timing.sent


def count_faster(pairs: Sequence[PrefixPair]) -> tuple[int, int]:
    """In how many of the answered pairs the known prompt was faster, and how many were answered."""
    answered = [times for pair in pairs if (times := pair.times) is not None]
    return sum(known < fresh for known, fresh in answered), len(answered)


def sees_cache(control: Sequence[PrefixPair]) -> bool:
    """Whether the caller's own repeats are faster than new prompts: without a cache there is nothing to share."""
    return clopper_pearson_lower(*count_faster(control), _ALPHA) > 0.5


def shows_leak(pairs: Sequence[PrefixPair]) -> bool:
    """Whether the other caller's prompts are faster than new ones, or the service says so itself."""
    return any(pair.states_leak for pair in pairs) or clopper_pearson_lower(*count_faster(pairs), _ALPHA_FAIL) > 0.5


@judge
def judge_prefix_isolation(control: Sequence[PrefixPair], pairs: Sequence[PrefixPair], show: Show) -> Verdict:
    """INCONCLUSIVE where no cache is seen; FAIL where one caller's prompts make another caller's faster.

    `control` has one caller's repeats, `pairs` another caller's prompts that begin as the first one's did.
    """
    faster, n = count_faster(control)
    own = f"the caller's own repeats were faster in {faster} of {n} pairs"
    if n < (1 - _MOST_LOST) * CONTROL_PAIRS:
        return make_inconclusive(f"{n} of {CONTROL_PAIRS} pairs of one caller were answered", n=n, method=_METHOD)
    if not sees_cache(control):
        return make_inconclusive(f"no prefix cache is seen, so that none can be shared: {own}", n=n, method=_METHOD)
    faster, n = count_faster(pairs)
    times = [seconds for pair in pairs if (seconds := pair.times)] or [(0.0, 0.0)]
    known, fresh = (median(row[place] for row in times) * 1e3 for place in range(2))
    shown = f"{faster} of {n} pairs ({known:.3g} ms against {fresh:.3g} ms; {own})"
    if shows_leak(pairs):
        reason = f"callers share a prefix cache: what another caller asked is answered sooner in {shown}"
        stated = [pair for pair in pairs if pair.states_leak]
        if stated:
            cached = get_usage(stated[0].known.answer).cached_tokens
            reason = f"callers share a prefix cache: {cached} tokens of another caller's prompt are stated as cached"
        example = show(reason, (stated or pairs)[0].known)
        return Verdict(Status.FAIL, reason, n=n, method=_METHOD, counterexamples=(example,))
    most = clopper_pearson_upper(faster, n, _ALPHA)
    if n >= (1 - _MOST_LOST) * MOST_PAIRS and most <= _MOST_SHARE:
        holds = f"what another caller asked is not answered sooner: {shown}, at most {most:.0%} of pairs at 95 %"
        return Verdict(Status.PASS, holds, n=n, method=_METHOD)
    return make_inconclusive(f"it is not decided whether callers share a prefix cache: {shown}", n=n, method=_METHOD)
