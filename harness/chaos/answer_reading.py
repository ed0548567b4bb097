"""Read one answer of a chaos load: whether it is wrong though it was declared a success, and what shows it is whole.

Tested in tests/chaos/test_answer_reading.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import replace

from harness.chaos.queries import RECALLED, KnownQuery, QueryPool, Turn, join_text
from harness.chaos.seam import describe_cut_seam, describe_seam
from harness.checks.comparison import compare_contents
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, EventKind, Exchange, Response
from harness.core.experiment import LOST, RIGHT, Sample
from harness.core.json_path import list_leaves
from harness.core.retry_after import read_stated_wait

_OF_ANOTHER = "a success that is the answer to another one of our requests"


def find_silent_corruption(exchange: Exchange, reference: Answer | None, *, cut: bool = False) -> str:
    """Why an answer that the service declared a success is wrong; empty if it is right or was declared a failure.

    `reference` is the right answer where it is known, else None. A broken answer was declared a success when the HTTP
    message was complete by its own framing and holds no error event; a message that only the end of the connection
    delimits declares nothing. `cut` says that the harness itself cuts streams on the way here.
    """
    if cut and exchange.error is ErrorClass.INCOMPLETE:
        return ""
    has_error_event = any(event.kind is EventKind.ERROR for event in exchange.events)
    is_broken = exchange.error in (ErrorClass.INVALID, ErrorClass.INCOMPLETE)
    if is_broken and not has_error_event and _declares_its_end(exchange.response):
        return f"a success that is {exchange.error}: {exchange.detail}"
    answer = exchange.answer
    if exchange.error is not None or answer is None or reference is None:
        return ""
    wrong = "a success that differs from the baseline's answer to the same request"
    if answer.text != reference.text:
        return f"{wrong}: {describe_seam(reference.text or '', answer.text or '')}"
    expected, outputs = replace(reference, text=None).content, replace(answer, text=None).content
    difference = compare_contents(expected, outputs)
    return "" if difference is None else f"{wrong}: {difference}"


def find_wrong_beginning(exchange: Exchange, right: str | None) -> str:
    """How the text of a stream that failed differs from the beginning of the `right` one; empty if it does not."""
    text = join_text(exchange)
    if exchange.error is None or right is None or right.startswith(text):
        return ""
    return f"a stream that failed had delivered a wrong text before: {describe_cut_seam(right, text)}"


def read_answer(pool: QueryPool, turn: Turn, index: int, exchange: Exchange, *, cut: bool) -> Sample:
    """The sample of request `index`, without the delay with which it was sent."""
    timing, answer = exchange.timing, exchange.answer
    error = str(exchange.error) if exchange.error else None
    sample = Sample(timing.intended, timing.latency, 0.0, error, query=turn.number)
    known = KnownQuery(turn.query)
    if turn.number >= 0:
        known = pool.known[turn.number]
    silent = find_silent_corruption(exchange, known.reference, cut=cut)
    if not silent:
        silent = find_wrong_beginning(exchange, known.streamed)
    if silent and exchange.ok and pool.find_owner(exchange.content, turn.number) is not None:
        silent = _OF_ANOTHER
    if exchange.error is ErrorClass.STATUS and exchange.response is not None:
        says_when = read_stated_wait(exchange.response) is not None
        sample = replace(sample, status=exchange.response.status, says_when=says_when)
    if not exchange.ok or answer is None:
        return replace(sample, silent=silent)
    has_usage = answer.usage is not None and answer.usage.completion_tokens is not None
    sample = replace(sample, silent=silent, size=measure_size(answer), has_usage=has_usage)
    if answer.model and pool.models and answer.model not in pool.models:
        sample = replace(sample, size=None, has_usage=True)  # a fallback that says so: it is compared with nothing
    if turn.code:
        sample = _read_code(pool, turn, index, answer, sample)
        # Without a promise, a refusal in the words of another answer may be the service's way to fail; and a model that
        # has lost the conversation may greet as it greets others.
        may_be_of_another = sample.known == LOST and pool.is_promised and turn.number != RECALLED
        if may_be_of_another and pool.find_owner(exchange.content, turn.number) is not None:
            return replace(sample, known="", silent=_OF_ANOTHER)
        return sample
    if known.reference is not None and not silent:
        return replace(sample, known=RIGHT)
    return sample


def _read_code(pool: QueryPool, turn: Turn, index: int, answer: Answer, sample: Sample) -> Sample:
    """The sample of an answer that must hold a code."""
    if turn.is_answered_by(answer):
        return replace(sample, known=RIGHT)
    text, other = answer.text or "", ""
    if turn.code not in text and not sample.silent:
        other = pool.find_code_of_another(turn.code, text, index + 1)
    if other:
        silent = f"asked for {turn.code}, it holds {other}, the code of another one of our requests"
        return replace(sample, silent=silent)
    return replace(sample, known=LOST)


def describe_loss(turn: Turn) -> str:
    """What is wrong with an answer without its code, which the service knows when nothing is disturbed."""
    lack = "does not hold the code that it had to repeat"
    if turn.number == RECALLED:
        lack = "has forgotten what an earlier message of its conversation said"
    return f"a success that {lack}; asked again after the faults, the service knew it"


def drop_comparisons(samples: Iterable[Sample], changed: Set[int]) -> list[Sample]:
    """The samples without what is known of the successes to these queries; broken ones stay wrong."""
    result = []
    for sample in samples:
        if sample.query in changed and sample.error is None:
            sample = replace(sample, silent="", known="")
        result.append(sample)
    return result


def measure_size(answer: Answer) -> int:
    """The characters of the text, reasoning included; where there is none, the values of the outputs."""
    if answer.text is None:
        return len(list_leaves(dict(answer.outputs)))
    return len(answer.text) + len(answer.reasoning)


def _declares_its_end(response: Response | None) -> bool:
    framing = ("transfer-encoding", "content-length")
    return response is not None and (response.http_version == "HTTP/2" or any(map(response.header, framing)))
