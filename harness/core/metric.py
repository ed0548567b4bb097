"""Metric: what is measured of answers, each under one name with one definition.

Objectives, `load/SCENARIO.json`, the terminal and the reports name their figures by these. Tested in
tests/load/test_figures.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """What an objective bounds, or a report shows.

    `unit` is "s", "" for a share, or what is counted per second; `direction` is the good side of the limit. A metric
    with a `percentile` is judged as the share of samples over the limit (DESIGN 6.4). One that is not `sampled` is a
    single value, which keeps its limit or not. `streamed`: it needs streamed answers. `quality`: it is a figure of the
    answers to labelled data (`harness/metrics/families`); `takes` are further keys of its objectives: "class", of which
    alone it can be, "k", the first of which it is of, or "by", the column whose groups it compares. `title` is its name
    for people, `definition` says what exactly is measured.
    """

    name: str
    unit: str = ""
    direction: str = "<="
    percentile: bool = False
    sampled: bool = True
    streamed: bool = False
    quality: bool = False
    takes: tuple[str, ...] = ()
    title: str = ""
    definition: str = ""


def _define_time(name: str, title: str, definition: str, *, streamed: bool = True) -> Metric:
    """A time of single requests, by default of streamed ones."""
    return Metric(name, "s", percentile=True, streamed=streamed, title=title, definition=definition)


def _define_rate(name: str, unit: str, title: str, definition: str) -> Metric:
    """What is done per second, which must be high."""
    return Metric(name, unit, ">=", sampled=False, title=title, definition=definition)


LATENCY = _define_time(
    "latency", "latency", "from the moment when the request was due to the end of its answer", streamed=False
)
"""From the send to the end of the answer; under an open-loop load from the moment that the schedule intended."""
SERVICE = _define_time(
    "service",
    "service time",
    "from the send to the end of the answer, without the wait before the send",
    streamed=False,
)
"""Beside the latency of a load it shows how much of it was waiting."""
TTFT = _define_time(
    "ttft", "time to first token", "TTFT: from the moment when the request was due to the first text of its answer"
)
"""Time to first token."""
FIRST_TURN = _define_time(
    "ttft_first_turn",
    "TTFT of first turns",
    "TTFT of the first turns of sessions: nothing of their own can come from a cache of prefixes",
)
"""What a session's beginning costs."""
LATER_TURNS = _define_time(
    "ttft_later_turns",
    "TTFT of later turns",
    "TTFT of the later turns of sessions, whose prefix a service may have kept",
)
"""Beside `FIRST_TURN` it shows what a cache of prefixes is worth."""
BY_TURN = (FIRST_TURN.name, LATER_TURNS.name)
INTER_TOKEN = _define_time(
    "inter_token",
    "gap between chunks",
    "between two consecutive pieces of streamed text, however many tokens each holds (ITL of vllm bench)",
)
"""The gap between chunks; it is the time per output token only where each chunk holds one token."""
TTFOT = _define_time(
    "ttfot",
    "time to first output",
    "TTFOT: from the moment when the request was due to the first text or tool call after any reasoning",
)
"""Time to first output token: of a model that does not think, its TTFT."""
TPOT = _define_time(
    "tpot",
    "time per output token",
    "TPOT: from the first to the last chunk, divided by the tokens that usage states minus one, by answer",
)
"""Time per output token of one answer: (last - first) / (tokens - 1), as `vllm bench` defines it.

From answers of two chunks and two tokens on whose usage is stated. Reasoning that is not streamed is not counted.
"""
TPOT_BY_PROMPT = Metric(
    "tpot_by_prompt",
    "s",
    sampled=False,
    streamed=True,
    title="per output token",
    definition="the seconds from the first to the last chunk of these answers, divided by their tokens but the first",
)
"""The mean time per output token of answers to prompts of one range of lengths."""
LAG = _define_time(
    "lag",
    "send delay",
    "by how much later than due a request was sent: for want of a free slot, or by the load generator",
    streamed=False,
)
"""How well the load kept to its schedule."""
ERROR_RATE = Metric("error_rate", title="error rate", definition="the share of requests that fail")
"""The share of requests that fail."""
INTERNAL_ERROR_RATE = Metric(
    "internal_error_rate", title="internal errors", definition="the share of requests that are answered with status 500"
)
"""A refusal of a dependency (429, 503) that comes to the client as 500 tells it neither to wait nor what happened."""
REQUEST_RATE = _define_rate(
    "request_rate",
    "requests/s",
    "answered",
    "successful answers per second that ended between the end of the warm-up and that of the schedule",
)
"""What the service did in a load, beside what it was asked for."""
TOKEN_RATE = _define_rate(
    "token_rate", "tokens/s", "generated", "generated tokens per second, of the same answers together"
)
"""Tokens as the service counts them."""
ROW_RATE = _define_rate("row_rate", "rows/s", "predicted", "rows in the requests of the same answers, per second")
"""Rows of numbers, or texts to embed: what one request carries several of."""
GOODPUT = Metric(
    "goodput",
    direction=">=",
    title="goodput",
    definition="the share of requests that succeeded and kept every limit at once",
)
"""A request is good if it succeeded and no latency of it is over the smallest limit of the objectives on it."""
GOODPUT_RATE = _define_rate(
    "goodput_rate", "requests/s", "good answers", "successes per second that kept every limit at once"
)
"""Goodput as a rate."""
STALLS = Metric(
    "stalls",
    sampled=False,
    title="stalls",
    definition="the share of gaps between chunks that are longer than 10 times their median",
)
"""Pauses within streams."""
ANSWER_SPEED = _define_rate(
    "answer_speed",
    "tokens/s",
    "one answer's speed",
    "tokens of the successes, divided by their summed time from the send to the end",
)
"""Tokens per second of one request, on average over the time."""
FLIGHT = Metric(
    "in_flight",
    "requests",
    sampled=False,
    title="in flight",
    definition="the time that requests were under way, summed up, divided by the seconds that passed: the mean number",
)
"""How many requests were under way at once, on average (Little's law)."""
BYTE_RATE = Metric(
    "byte_rate",
    "bytes/s",
    sampled=False,
    title="received",
    definition="bytes of the bodies of successes per second, as they were sent",
)
"""What came over the network, without headers."""
ACCURACY = Metric(
    "accuracy",
    direction=">=",
    quality=True,
    title="accuracy",
    definition="the share of rows that are answered with their label",
)
"""The share of labelled rows that are answered with their label."""
ROBUST_ACCURACY = Metric("robust_accuracy", direction=">=")
"""The share of labelled rows that are answered with their label under an attack."""
GRADED_ACCURACY = Metric(
    "graded_accuracy",
    direction=">=",
    title="graded accuracy",
    definition="the share of answers that the grader calls right",
)
"""The share of answers to the prompts of an evaluation that are right; failed requests are not."""
PASS_AT_K = Metric(
    "pass_at_k",
    direction=">=",
    title="pass@k",
    definition="the chance that at least one of k answers to a prompt is right",
)
"""What a caller gets who can tell a right answer, and asks k times."""
PASS_HAT_K = Metric(
    "pass_hat_k", direction=">=", title="pass^k", definition="the chance that all of k answers to a prompt are right"
)
"""What a caller gets who relies on every answer."""
JUDGED_ACCURACY = Metric(
    "judged_accuracy",
    direction=">=",
    title="judged accuracy",
    definition="the share of right answers, by a judge corrected with answers that people have labelled",
)
"""A judge alone proves nothing: only a prediction-powered interval decides."""
LOOP_RATE = Metric("loop_rate", definition="the share of answers that repeat themselves without end")
EMPTY_RATE = Metric("empty_rate", definition="the share of answers without text, thinking or call")
CUT_RATE = Metric("cut_rate", definition="the share of answers that end at the limit of tokens")
REASONING_ONLY_RATE = Metric("reasoning_only_rate", definition="the share of answers with thinking and without text")
WRONG_SCRIPT_RATE = Metric("wrong_script_rate", definition="the share of answers in a script that the prompt has not")
UNFINISHED_RATE = Metric("unfinished_rate", definition="the share of answers that end in the middle of a sentence")
TOOL_TRIGGER_ACCURACY = Metric(
    "tool_trigger_accuracy",
    direction=">=",
    definition="the share of prompts with tools that call one where they should",
)
TOOL_SCHEMA_ACCURACY = Metric(
    "tool_schema_accuracy", direction=">=", definition="the share of answers with calls whose arguments obey the schema"
)
GRADED_METRICS = (GRADED_ACCURACY, PASS_AT_K, PASS_HAT_K)
"""What a grader decides."""
ANSWER_RATES = (
    LOOP_RATE, EMPTY_RATE, CUT_RATE, REASONING_ONLY_RATE, WRONG_SCRIPT_RATE, UNFINISHED_RATE,
    TOOL_TRIGGER_ACCURACY, TOOL_SCHEMA_ACCURACY,
)  # fmt: skip
"""What shows without a reference."""
EVALUATION_METRICS = (*GRADED_METRICS, JUDGED_ACCURACY, *ANSWER_RATES)
"""What objectives on an evaluation may bound."""
ATTEMPTS = Metric("attempts", "attempts", sampled=False)
"""How many attempts the links of an experiment carry for each request, while its faults are on: more are retries."""
RECOVERY = Metric("recovery", "s", sampled=False)
"""Seconds from the lift of a fault to the steady state."""
SINGLE_REQUESTS = (LATENCY, TTFT, ERROR_RATE)
"""What requests that are sent one after the other can show."""
LOAD_TIMES = (LATENCY, SERVICE, TTFT, FIRST_TURN, LATER_TURNS, TTFOT, INTER_TOKEN, TPOT, LAG)
"""The times that a load measures, in the order in which they are shown."""
LIMITED_TIMES = (LATENCY, TTFT, TTFOT, INTER_TOKEN, TPOT)
"""The times that objectives on a load may bound."""
LIMITED_RATES = (REQUEST_RATE, TOKEN_RATE, ROW_RATE)
"""The rates that objectives on a load may bound from below."""
LOAD_OBJECTIVES = (*LIMITED_TIMES, ERROR_RATE, GOODPUT, *LIMITED_RATES)
"""What objectives on a load may bound: what can be judged with an error statement."""
