"""Counts the exchanges of one process's load, by second of the run and by time block.

Tested in tests/load/test_counts.py.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import chain

import numpy as np

from harness.checks.common import OVERLOAD_STATUSES
from harness.core.arrival_settings import SOAK
from harness.core.errors import TIMEOUT_ERRORS, ErrorClass
from harness.core.exchange import Exchange
from harness.core.load import LONGEST_DELAY, SECONDS_UNTIL_GONE, Job, name_least
from harness.core.metric import BY_TURN, LIMITED_TIMES
from harness.core.replay import show_exchange
from harness.core.verdict import Counterexample
from harness.load.answer_reader import RawExchange
from harness.load.controls import Controls, KnownAnswer, is_echo_lost
from harness.load.counts import MOST_EXAMPLES, NEVER, PROMPT_BINS, WorkerCounts, keep_smallest
from harness.load.flow import FlowLog
from harness.load.peers import SENT_TTFT, WHOLE_TPOT
from harness.load.reference import Reference, explain_empty_answer
from harness.load.slices import SliceRecorder
from harness.run.decoding import mark_invalid
from harness.run.series import Seconds
from harness.stats.block_histogram import BlockHistogram
from harness.stats.dependence import TIME_BLOCKS

_LEAST = tuple(metric.name for metric in LIMITED_TIMES)
"""Metrics of which the least is counted too: without what the load generator itself held up."""

_ALIKE = {metric: f"{metric} and {name_least(metric)}" for metric in _LEAST}
"""What the values of both are pending as where they are the same: nothing was held up."""

_METRICS = ("service", "lag", SENT_TTFT, WHOLE_TPOT, *BY_TURN, *_LEAST, *map(name_least, _LEAST))
_BROKEN = (ErrorClass.INVALID, ErrorClass.INCOMPLETE)
_NO_SERVICE = (ErrorClass.CLOSED, *TIMEOUT_ERRORS, *(error for error in ErrorClass if error.is_before_contact))
_FEWEST_UNANSWERED, _ROUNDING = 10, 1e-9
_FEWEST_TOKENS, _FEWEST_CHUNKS, _SHORTEST_STREAM = 8, 4, 0.02
"""Tokens or chunks of an answer, and seconds from its first to its last chunk, below which chunks that come together do
not show that the stream was held back; ...
"""
_LONG_WAIT, _FLUSH_RATIO = 0.05, 200.0
"""... unless the first chunk took so long, and so many times as long as all the others."""
_ASKED_LENGTH = re.compile(
    rb'"(?:max_tokens|max_completion_tokens|max_output_tokens|max_new_tokens|num_predict)": ?([0-9]+)'
)
_SHORT_DELAY = 0.1
"""Seconds of delay by the load generator that may have something to do with what the service did then."""
_MOST_PENDING = 2048
"""Values that are counted together: many cost less each, and too many would hold up the reading of answers."""


class Recorder:
    """Counts every exchange of one process into its `counts`. `t0` is the schedule's zero in seconds of the run."""

    def __init__(self, job: Job) -> None:
        load = job.load
        self.job, self.t0 = job, 0.0
        self._answered_at, self._silent_from = 0.0, 0.0
        self._slices = SliceRecorder(load) if load.shape_name == SOAK else None
        self._reference, self._controls = Reference(job.reference, job.has_text), Controls(job)
        self._judged_from = load.judged_from
        self._block_seconds = (load.duration - self._judged_from) / TIME_BLOCKS
        self._unanswered = 0
        limits = {metric: job.limits.get(metric, ()) for metric in _METRICS}
        limits |= {name_least(metric): limits[metric] for metric in _LEAST}
        self.counts = WorkerCounts({metric: BlockHistogram(TIME_BLOCKS, limits[metric]) for metric in _METRICS})
        self._counted_as = {metric: (metric,) for metric in _METRICS} | {
            alike: (metric, name_least(metric)) for metric, alike in _ALIKE.items()
        }
        self._pending: dict[str, dict[int, list[float]]] = {name: {} for name in self._counted_as}
        self._good_within = {metric: min(job.limits.get(metric) or (NEVER,)) for metric in _LEAST}
        self._asks_length = any(part.output_tokens is not None for part in (load, *load.mix))
        self._seconds = Seconds(job.suite, job.suite, self._get_rate)
        self._curve = load.curve
        self._flow = FlowLog()

    def _get_rate(self, second: int) -> float:
        """The rate that was asked for in the middle of this second of the run; 0 where the answers decide it."""
        if self.job.load.loop:
            return 0.0
        within = min(self._place(second + 0.5) - self.t0, self._curve.duration - _ROUNDING)
        return self._curve.get_rate(max(0.0, within))

    def _place(self, time: float) -> float:
        """Where in the schedule this second of the run is: in the turns of another endpoint it stands still."""
        turns = self.job.turns
        return time if turns is None else self.t0 + turns.find_scheduled(time - self.t0)

    def begin(self, t0: float, stalled: float = 0.0) -> None:
        """The schedule begins at `t0`, in seconds of the run; for `stalled` of these the generator had stood still."""
        self.t0, self._answered_at = t0, t0 - stalled

    def add(self, exchange: Exchange, raw: RawExchange, known: KnownAnswer | None = None) -> None:
        """Count one exchange that has ended, with its raw form, and what is known of its answer. One from the warm-up
        is counted by second and not judged, but for its content.
        """
        exchange = self._judge_content(exchange, known)
        timing, counts = exchange.timing, self.counts
        counts.completed += 1
        counts.tokens += exchange.generated_tokens
        counts.last_sent = max(counts.last_sent, self._place(timing.sent or 0.0))
        self._check_service(exchange, raw)
        if exchange.error is not None:
            self._count_error(exchange, exchange.error)
        self._note_flow(exchange, raw)
        gaps = timing.inter_token
        self._seconds.add(exchange, gaps)
        self._count_end(exchange, timing.done or raw.ended, is_control=known is not None)
        since_start = self._place(timing.intended) - self.t0
        if since_start < self._judged_from - _ROUNDING:
            return
        block = min(int((since_start - self._judged_from) / self._block_seconds + _ROUNDING), TIME_BLOCKS - 1)
        counts.requests[block] += 1
        counts.failed[block] += not exchange.ok
        latency, service, ttft = timing.latency, timing.service_time, timing.ttft
        if raw.ended > raw.started:
            counts.flight += raw.ended - raw.started
        if not exchange.ok:
            latency = service = ttft = None
            gaps = (*gaps, NEVER)  # the gap after the last token, or before the first, never ended
        if exchange.ok:
            self._count_success(
                exchange, timing.done or raw.ended, block, is_control=self.job.has_controls and bool(known)
            )
        held_up = raw.held_up
        if self._is_from_cache(known):
            return
        tpot = exchange.tpot if exchange.ok and exchange.request.stream else None
        is_bad = self._rate(exchange, raw, block, tpot)
        if self._slices is not None:
            times = {"latency": _subtract(latency, held_up), "ttft": _subtract(ttft, held_up)}
            self._slices.add(since_start, times, failed=not exchange.ok, bad=is_bad, held_up=held_up > _SHORT_DELAY)
        counts.late[block] += exchange.ok and held_up > LONGEST_DELAY
        self._note_durations("latency", block, [_get_seconds(latency)], held_up)
        self._note("service", block, [_get_seconds(service)])
        if timing.sent is not None:
            self._note("lag", block, [max(0.0, timing.sent - timing.intended)])
        if exchange.request.stream:
            self._note_ttft(_get_seconds(ttft), raw, block)
            self._note_durations("inter_token", block, gaps, raw.stalled)
            self._note_token_times(exchange, raw, block, tpot)

    def _note_ttft(self, ttft: float, raw: RawExchange, block: int) -> None:
        self._note_durations("ttft", block, [ttft], raw.held_up)
        if raw.turn is not None:
            self._note(BY_TURN[raw.turn > 0], block, [ttft])

    def _count_end(self, exchange: Exchange, ended: float, *, is_control: bool) -> None:
        """Count a success in the time block in which it ended. A request with a known answer has one row at least."""
        since_warm_up, counts = self._place(ended) - self.t0 - self._judged_from, self.counts
        block = int(since_warm_up / self._block_seconds + _ROUNDING)
        if not exchange.ok or since_warm_up < 0 or block >= TIME_BLOCKS:
            return
        rows = self.job.material.row_count if self.job.material else 0
        usage = exchange.answer.usage if exchange.answer else None
        counts.ended[block] += 1
        counts.ended_tokens[block] += exchange.generated_tokens
        counts.ended_unstated[block] += usage is None or usage.completion_tokens is None
        counts.ended_rows[block] += min(rows, 1) if is_control else rows

    def _note_token_times(self, exchange: Exchange, raw: RawExchange, block: int, tpot: float | None) -> None:
        """Note what only the tokens of a stream show. An answer whose tokens nobody states has no time per token."""
        if not exchange.ok:
            self._note_durations("ttfot", block, [NEVER], 0.0)
            self._note_durations("tpot", block, [NEVER], 0.0)
            return
        output, tokens, stamps = _measure_ttfot(exchange), exchange.streamed_tokens or 0, exchange.timing.tokens
        if output is not None:
            self._note_durations("ttfot", block, [output], raw.held_up)
        if tpot is not None:
            self._note_durations("tpot", block, [tpot], raw.stalled / (tokens - 1))
            self._count_prompt_length(exchange, tokens)
        if stamps and exchange.timing.sent is not None:
            self._note(SENT_TTFT, block, [max(0.0, stamps[0] - exchange.timing.sent)])
            if tokens:
                self._note(WHOLE_TPOT, block, [max(0.0, stamps[-1] - exchange.timing.sent) / tokens])
        if stamps and not raw.stalled:
            self._count_reads(stamps, tokens, stamps[0] - (exchange.timing.sent or 0.0))

    def _count_reads(self, stamps: Sequence[float], tokens: int, wait: float) -> None:
        """Count the moments at which the tokens of a stream came: few show that it was held back. Chunks are counted as
        tokens where there are more of them, or no tokens are stated.
        """
        span = stamps[-1] - stamps[0]
        if tokens < _FEWEST_TOKENS and len(stamps) < _FEWEST_CHUNKS:
            return
        may_show = span > _SHORTEST_STREAM or wait > max(_LONG_WAIT, _FLUSH_RATIO * span)
        self.counts.stated_tokens += max(tokens, len(stamps))
        self.counts.reads += len(set(stamps)) if may_show else len(stamps)

    def _count_prompt_length(self, exchange: Exchange, tokens: int) -> None:
        """Count the time per token of an answer beside those to prompts of similar lengths, if usage states it."""
        usage, stamps, counts = exchange.answer and exchange.answer.usage, exchange.timing.tokens, self.counts
        if usage and usage.prompt_tokens is not None:
            place = bisect_right(PROMPT_BINS, usage.prompt_tokens)
            counts.bin_answers[place] += 1
            counts.bin_seconds[place] += stamps[-1] - stamps[0]
            counts.bin_tokens[place] += tokens - 1

    def _count_success(self, exchange: Exchange, ended: float, block: int, *, is_control: bool) -> None:
        """Count a success for the rates of the judged part. The length of a control is not one that was asked for."""
        counts, timing = self.counts, exchange.timing
        counts.last_success = max(counts.last_success, self._place(ended))
        counts.judged_tokens += exchange.generated_tokens
        counts.block_tokens[block] += exchange.generated_tokens
        counts.block_seconds[block] += timing.service_time or 0.0
        counts.answer_seconds += timing.service_time or 0.0
        counts.received += len(exchange.response.body) if exchange.response else 0
        usage = exchange.answer.usage if exchange.answer else None
        is_stated = usage is not None and usage.completion_tokens is not None
        counts.answers_in_chunks += bool(timing.tokens) and not is_stated
        if is_control:
            return
        if exchange.answer is not None and exchange.answer.finish_reason is not None:
            counts.endings += 1
            counts.cut += exchange.answer.finish_reason == "length"
        if self._asks_length and is_stated and (asked := _ASKED_LENGTH.search(exchange.request.body)):
            counts.asked_tokens += int(asked[1])
            counts.given_tokens += exchange.generated_tokens

    def _rate(self, exchange: Exchange, raw: RawExchange, block: int, tpot: float | None) -> bool:
        """Count one request for the goodput, and return whether it is bad.

        It is good if it succeeded and kept the smallest limit on each time.
        """
        counts, timing, limits = self.counts, exchange.timing, self._good_within
        counts.rated[block] += 1
        if not exchange.ok:
            counts.bad[block] += 1
            counts.bad_least[block] += 1
            return True
        times = [(_get_seconds(timing.latency), limits["latency"], raw.held_up)]
        if exchange.request.stream:
            times.append((_get_seconds(timing.ttft), limits["ttft"], raw.held_up))
            times.append((_measure_ttfot(exchange) or 0.0, limits["ttfot"], raw.held_up))
            times.append((tpot or 0.0, limits["tpot"], raw.stalled))
            stamps = timing.tokens
            if len(stamps) > 1:
                times.append(((stamps[-1] - stamps[0]) / (len(stamps) - 1), limits["inter_token"], raw.stalled))
        is_bad = is_bad_least = False
        for seconds, limit, delay in times:
            if seconds > limit:
                is_bad = True
                is_bad_least = is_bad_least or seconds - delay > limit
        counts.bad[block] += is_bad
        counts.bad_least[block] += is_bad_least
        return is_bad

    def flush(self, *, everything: bool = False) -> WorkerCounts:
        """The counts, with everything since the last call in its histograms, and the seconds since then in `series`;
        `everything`: and the slice of a soak that has not ended yet.
        """
        for metric in self._pending:
            self._count_pending(metric)
        self.counts.series = self._seconds.lines()
        if self._slices is not None:
            self.counts.slices = self._slices.take_lines(everything=everything)
        if self.counts.finished and self.counts.flow is None:
            duration = self.job.load.duration
            self.counts.flow = self._flow.summarise(self.t0 + self._judged_from, self.t0 + duration)
        return self.counts

    def _note_flow(self, exchange: Exchange, raw: RawExchange) -> None:
        """Note when the request was sent and answered, for how the service queues."""
        timing, response = exchange.timing, exchange.response
        self._flow.refused += exchange.status in OVERLOAD_STATUSES
        if timing.sent is None:
            return
        served, ended = None, timing.done or raw.ended
        if exchange.ok:
            served = timing.tokens[0] if timing.tokens else ended
        self._flow.add(timing.sent, served, ended, len(exchange.request.body), len(response.body) if response else 0)

    def _note_durations(self, metric: str, block: int, values: Sequence[float], held_up: float) -> None:
        """Note durations as they were, and without the seconds for which the load generator held them up."""
        if not held_up:
            self._note(_ALIKE[metric], block, values)
            return
        self._note(metric, block, values)
        self._note(name_least(metric), block, [max(0.0, value - held_up) for value in values])

    def _note(self, metric: str, block: int, values: Sequence[float]) -> None:
        by_block = self._pending[metric]
        pending = by_block.get(block)
        if pending is None:
            pending = by_block[block] = []
        pending += values
        if len(pending) > _MOST_PENDING:
            self._count_pending(metric)

    def _count_pending(self, metric: str) -> None:
        by_block, self._pending[metric] = self._pending[metric], {}
        values = np.array([*chain.from_iterable(by_block.values())], float)
        if values.size:
            blocks = np.repeat([*by_block], [len(pending) for pending in by_block.values()])
            for name in self._counted_as[metric]:
                self.counts.blocks[name].add(blocks, values)

    def _judge_content(self, exchange: Exchange, known: KnownAnswer | None) -> Exchange:
        """Compare a success with the answer that is known; one that is empty is invalid."""
        counts = self.counts
        if not exchange.ok:
            return exchange
        if empty := explain_empty_answer(self._reference, exchange):
            return mark_invalid(exchange, empty)
        if known is None:
            return exchange
        counts.compared += 1
        difference = self._controls.find_wrong_answer(known, exchange)
        if known.code:
            counts.echoed += 1
            if not difference and is_echo_lost(known, exchange):
                counts.unechoed += 1
                counts.lost_echoes.append(self._show(exchange, f"asked to repeat {known.code}, it does not"))
        if difference:
            counts.wrong_count += 1
            counts.wrong.append(self._show(exchange, difference))
        counts.wrong, counts.lost_echoes = keep_smallest(counts.wrong), keep_smallest(counts.lost_echoes)
        return exchange

    def _show(self, exchange: Exchange, summary: str) -> Counterexample:
        return show_exchange(exchange, self.job.endpoint, summary)

    def _is_from_cache(self, known: KnownAnswer | None) -> bool:
        """Whether its times are those of a cache of answers, and none of the service."""
        material = self.job.material
        if known is None or known.code or not self.job.has_controls:
            return False
        return material is not None and bool(material.cache)

    def _count_error(self, exchange: Exchange, error: ErrorClass) -> None:
        counts, examples = self.counts, self.counts.failures
        counts.errors[error] = counts.errors.get(error, 0) + 1
        if error in _BROKEN:
            counts.broken_count += 1
            examples = counts.broken
        if len(examples) < MOST_EXAMPLES:
            examples.append(self._show(exchange, f"a request under load failed: {exchange.detail}"))

    def _check_service(self, exchange: Exchange, raw: RawExchange) -> None:
        """Notice when nothing was answered for `SECONDS_UNTIL_GONE`, and when something is again."""
        is_slow = exchange.error is ErrorClass.TOTAL_TIMEOUT and exchange.timing.first_byte is not None
        if exchange.error not in _NO_SERVICE or is_slow:
            self._answered_at, self._unanswered, self.counts.gone = max(self._answered_at, raw.awake), 0, None
            return
        if not self._unanswered:
            self._silent_from = raw.awake - (raw.ended - raw.started - raw.stalled)
        self._unanswered += 1
        silence = raw.awake - max(self._answered_at, self._silent_from)  # nobody answers while nobody asks
        if self._unanswered >= _FEWEST_UNANSWERED and silence >= SECONDS_UNTIL_GONE and self.counts.gone is None:
            self.counts.gone = f"no request was answered for {silence:.1f} s ({exchange.error}: {exchange.detail})"


def _measure_ttfot(exchange: Exchange) -> float | None:
    """Seconds to the first output of a success, infinite where none came; None where it is inside the reasoning."""
    if exchange.answer is not None and exchange.answer.thinks_inline:
        return None
    return _get_seconds(exchange.timing.ttfot)


def _subtract(duration: float | None, held_up: float) -> float | None:
    """A duration without what the load generator held up."""
    return None if duration is None else max(0.0, duration - held_up)


def _get_seconds(duration: float | None) -> float:
    """A duration in seconds; None is one that never ended."""
    return NEVER if duration is None else max(0.0, duration)
