"""Chat services that are each wrong in one way fail the right check; what real servers do passes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.generation.tools import find_bad_call
from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer
from harness.core.settings import Promises, Settings
from harness.core.verdict import Status
from harness.run.planning import build_plan
from harness.run.preflight import load_adapter
from harness.suite import list_checks
from tests.services import Answered, asking, serving
from tests.suites.integration.chatservice import (
    ALL,
    CHECKS,
    Change,
    arguments,
    blank_first,
    calls,
    change_text,
    chat,
    choice,
    count,
    counts,
    draw_answer,
    drop_named_choice,
    each_choice,
    finish,
    in_short,
    judge_service,
    one_choice,
    part_of,
    prompt,
    raise_count,
    run_check,
    set_to,
    shift_logprobs,
    streamed_only,
    token,
    tokens,
    usage_less,
    where,
    whole_only,
    without,
)

make_bad_parameter = import_module("harness.suites.integration.bad_input_trials").make_bad_parameter


@pytest.fixture(scope="module")
def healthy() -> Iterator[str]:
    with chat() as url:
        yield url


@pytest.mark.parametrize("promises", [ALL, Promises()], ids=["promised", "unpromised"])
@pytest.mark.parametrize("name", CHECKS)
def test_a_right_service_passes(tmp_path: Path, healthy: str, name: str, promises: Promises) -> None:
    verdict = run_check(healthy, name, tmp_path, promises)
    assert verdict.status is Status.PASS, verdict.reason
    assert not [note for note in verdict.notes if "seed" in note]


def reword(body: dict[str, Any]) -> None:
    """Each request has another answer."""
    prompt("What is it?")(body)
    draw_answer(body)


_ANSWERS = itertools.count(1)


def growing(used: dict[str, Any]) -> None:
    raise_count("prompt_tokens", next(_ANSWERS))(used)


def call_again(body: dict[str, Any]) -> None:
    """Only the first message reaches the model."""
    if body["messages"][-1]["role"] == "tool":
        body["messages"] = body["messages"][:1]


def read_objects(body: dict[str, Any]) -> None:
    """Arguments of earlier calls may be objects."""
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            if isinstance(call["function"]["arguments"], dict):
                call["function"]["arguments"] = json.dumps(call["function"]["arguments"])


UNCLOSED = arguments(lambda text: text.replace("}", ""))
COMMA = change_text(lambda text: text.replace("}", ",}"))
WRONG: list[tuple[str, str, Change | None, Change | None, str]] = [
    ("no usage", "usage.test_counts", None, usage_less, "no token counts are stated"),
    ("no prompt count", "usage.test_counts", None, counts(set_to(prompt_tokens=None)), "does not state prompt_tokens"),
    ("no sum", "usage.test_counts", None, counts(set_to(total_tokens=1)), "total_tokens is"),
    (
        "over the limit",
        "usage.test_counts",
        None,
        counts(raise_count("completion_tokens", 30)),
        "although the limit is 8",
    ),
    ("zero", "usage.test_counts", None, count(completion_tokens=0), "0 completion tokens for the text"),
    ("constant", "usage.test_counts", None, count(prompt_tokens=9), "a longer prompt counts 9"),
    ("growing", "usage.test_counts", None, counts(growing), "for the same request before"),
    ("no streamed usage", "usage.test_streamed_counts", without("stream_options"), None, "no token counts are stated"),
    (
        "other streamed prompt",
        "usage.test_streamed_counts",
        None,
        counts(raise_count("prompt_tokens", 1), whole=False),
        "prompt tokens",
    ),
    (
        "other streamed completion",
        "usage.test_streamed_counts",
        None,
        counts(raise_count("completion_tokens", -1), whole=False),
        "7 completion tokens streamed, 8 whole",
    ),
    (
        "one choice counted",
        "usage.test_choices_counted",
        set_to(temperature=0),  # drawn texts may differ, and only equal ones show what each costs
        count(completion_tokens=8),
        "8 completion tokens for 2 texts of 8",
    ),
    (
        "max_tokens ignored",
        "parameters.test_max_tokens",
        set_to(max_tokens=24),
        None,
        "24 completion tokens with max_tokens 8",
    ),
    (
        "max_tokens ignored, uncounted",
        "parameters.test_max_tokens",
        set_to(max_tokens=24),
        usage_less,
        "the text is as long with max_tokens",
    ),
    (
        "another answer",
        "parameters.test_max_tokens",
        None,
        in_short(change_text(lambda t: "ten " + t)),
        "is not the beginning of the longer answer",
    ),
    ("cut and stop", "parameters.test_max_tokens", None, finish("stop"), "not 'length'"),
    (
        "always length",
        "parameters.test_max_tokens",
        None,
        finish("length"),
        "the finish reason is 'length' after 9 tokens of 48",
    ),
    ("always stop", "parameters.test_ending", None, finish("stop"), "declared complete ('stop')"),
    (
        "always stop, streamed",
        "parameters.test_ending",
        None,
        streamed_only(finish("stop")),
        "streamed: the answer was cut",
    ),
    (
        "no finish reason",
        "parameters.test_ending",
        None,
        in_short(each_choice(set_to(finish_reason=None))),
        "did not come to its proper end",
    ),
    ("stop ignored", "parameters.test_stop", without("stop"), None, "contains the stop sequence"),
    (
        "stop ignored in streams",
        "parameters.test_stop",
        where("stream", without("stop")),
        None,
        "streamed: the text contains the stop sequence",
    ),
    (
        "stop taken out",
        "parameters.test_stop",
        where("stop", set_to(stop=["zz"])),
        change_text(lambda t: t.replace("n f", "")),
        "the text goes on after the stop sequence",
    ),
    (
        "stopped too early",
        "parameters.test_stop",
        where("stop", set_to(stop=["two"])),
        None,
        "does not end where the stop sequence",
    ),
    ("stop says length", "parameters.test_stop", None, finish("length"), "the finish reason is 'length'"),
    ("seed ignored", "parameters.test_seed", draw_answer, None, "the same request gives"),
    (
        "temperature stuck",
        "parameters.test_repeatable",
        reword,
        None,
        "the same request gives",
    ),
    ("n ignored", "parameters.test_choices", without("n"), None, "n=3 gives 1 choices"),
    (
        "n ignored in streams",
        "parameters.test_choices",
        None,
        streamed_only(one_choice),
        "streamed: n=3 gives 1 choices",
    ),
    (
        "one index for all",
        "parameters.test_choices",
        None,
        whole_only(each_choice(set_to(index=0))),
        "with the indices [0, 0, 0]",
    ),
    (
        "an empty choice",
        "parameters.test_choices",
        None,
        choice(2, lambda c: part_of(c).update(content="")),
        "choice 2 has no text",
    ),
    (
        "a choice without end",
        "parameters.test_choices",
        None,
        choice(1, set_to(finish_reason=None)),
        "did not come to its proper end",
    ),
    (
        "logprobs ignored",
        "parameters.test_logprobs",
        without("logprobs", "top_logprobs"),
        None,
        "there are no log-probabilities",
    ),
    ("top ignored", "parameters.test_logprobs", without("top_logprobs"), None, "the 2 likeliest tokens are missing"),
    ("probabilities", "parameters.test_logprobs", None, token(set_to(logprob=0.9)), "is over 0"),
    ("NaN", "parameters.test_logprobs", None, token(set_to(logprob=float("nan"))), "bare NaN"),
    (
        "shifted",
        "parameters.test_logprobs",
        None,
        tokens(shift_logprobs),
        "not among the likeliest tokens of its place",
    ),
    ("logprob of another", "parameters.test_logprobs", None, token(set_to(logprob=-7.5)), "among the likeliest"),
    ("unsorted", "parameters.test_logprobs", None, token(lambda t: t["top_logprobs"].reverse()), "not sorted"),
    (
        "a token lost",
        "parameters.test_logprobs",
        None,
        whole_only(tokens(lambda result: result.pop(2))),
        "the tokens joined are",
    ),
    ("the last lost", "parameters.test_logprobs", None, whole_only(tokens(list.pop)), "the tokens joined are"),
    (
        "other text",
        "parameters.test_logprobs",
        where("logprobs", prompt("Hi")),
        None,
        "with log-probabilities the text differs",
    ),
    ("arguments cut", "tools.test_called", None, UNCLOSED, "is not valid JSON"),
    (
        "arguments cut in streams",
        "tools.test_called",
        None,
        streamed_only(UNCLOSED),
        "required and streamed: the arguments",
    ),
    (
        "wrong type",
        "tools.test_called",
        None,
        arguments(lambda text: text.replace("1", '"1"')),
        "but the schema has type integer",
    ),
    ("unknown name", "tools.test_called", None, calls(lambda c: c["function"].update(name="rm")), "'rm' is called"),
    ("tools ignored", "tools.test_called", without("tools", "tool_choice"), None, "no tool is called"),
    ("same ids", "tools.test_called", None, calls(set_to(id="call_1")), "ids do not distinguish the calls"),
    ("no ids", "tools.test_called", None, calls(set_to(id=None)), "ids do not distinguish the calls"),
    ("name ignored", "tools.test_called", drop_named_choice, None, "named: 'get_weather' is called"),
    (
        "calls say stop",
        "tools.test_call_ending",
        None,
        finish("stop", "tool_calls"),
        "the finish reason of a call is 'stop'",
    ),
    (
        "none ignored",
        "tools.test_not_called",
        set_to(tool_choice="auto"),
        None,
        "is called, although tool_choice is none",
    ),
    ("empty afterwards", "tools.test_goes_on", None, change_text(lambda text: ""), "the text is empty"),
    (
        "results refused",
        "tools.test_goes_on",
        lambda b: len(b["messages"]) > 1 and b.update(messages=[]),
        None,
        "the conversation breaks off at the results: HTTP 400",
    ),
    (
        "null refused",
        "tools.test_goes_on",
        lambda b: any(message["content"] is None for message in b["messages"]) and b.update(messages=[]),
        None,
        "the conversation breaks off at the results, with null beside the calls: HTTP 400",
    ),
    (
        "called again without an end",
        "tools.test_goes_on",
        call_again,
        None,
        "no progress: 'get_weather' is called again with the same arguments, in each of 6 answers",
    ),
    ("format ignored", "structured.test_obeys", without("response_format"), None, "is not valid JSON"),
    ("a trailing comma", "structured.test_obeys", None, COMMA, "is not valid JSON"),
    ("streamed comma", "structured.test_obeys", None, streamed_only(COMMA), "streamed: "),
    (
        "fenced",
        "structured.test_obeys",
        None,
        change_text(lambda text: text.replace("{", "```json\n{")),
        "is not valid JSON",
    ),
    (
        "text after it",
        "structured.test_obeys",
        None,
        change_text(lambda text: text.replace("}", "} Done.")),
        "is not valid JSON",
    ),
    (
        "another colour",
        "structured.test_obeys",
        None,
        change_text(lambda text: text.replace("red", "grey")),
        "not one of 'red'",
    ),
    ("half an object", "structured.test_cut", None, finish("stop"), "declared complete"),
]


@pytest.mark.parametrize(
    ("name", "request_", "answer", "because"), [row[1:] for row in WRONG], ids=[e[0] for e in WRONG]
)
def test_a_wrong_service_fails(
    tmp_path: Path, name: str, request_: Change | None, answer: Change | None, because: str
) -> None:
    result = judge_service(name, tmp_path, request_, answer)
    assert result.status is Status.FAIL, result.reason
    assert because in result.reason
    assert result.counterexamples[0].curl


REPEAT_ALL = set_to(
    messages=[{"role": "user", "content": "Repeat after me: one two three four five six seven eight nine ten eleven"}],
    max_tokens=400,
)
BORNE: list[tuple[str, str, Change | None, Change | None]] = [
    ("arguments as objects", "tools.test_goes_on", read_objects, None),
    ("a required call that says stop", "tools.test_called", None, finish("stop", "tool_calls")),
    ("no bytes of tokens", "parameters.test_logprobs", None, token(set_to(bytes=None))),
    ("legacy word for a cut", "parameters.test_ending", None, finish("max_tokens", "length")),
    ("no total", "usage.test_counts", None, counts(set_to(total_tokens=None))),
    ("a limit that is ignored", "parameters.test_ending", REPEAT_ALL, None),
    ("the end token uncounted", "usage.test_streamed_counts", None, counts(raise_count("completion_tokens", -1))),
    ("a blank before the first token", "parameters.test_logprobs", None, whole_only(tokens(blank_first))),
]


@pytest.mark.parametrize(("name", "request_", "answer"), [row[1:] for row in BORNE], ids=[row[0] for row in BORNE])
def test_what_real_servers_do_passes(tmp_path: Path, name: str, request_: Change | None, answer: Change | None) -> None:
    result = judge_service(name, tmp_path, request_, answer)
    assert result.status is Status.PASS, result.reason


OPEN: list[tuple[str, str, Change | None, Change | None, str]] = [
    ("one word", "parameters.test_ending", prompt("Repeat after me: a"), None, "too short to be cut"),
    (
        "one word for a stop",
        "parameters.test_stop",
        prompt("Repeat after me: a"),
        None,
        "no stop sequence can be chosen",
    ),
    ("one choice", "usage.test_choices_counted", without("n"), None, "n=2 gives 1 choices"),
    ("no text to repeat", "parameters.test_repeatable", None, change_text(lambda text: ""), "no text to compare with"),
    ("calls that are cut", "tools.test_called", set_to(max_tokens=3), None, "cut at max_tokens"),
    ("no call, no results", "tools.test_goes_on", without("tools", "tool_choice"), None, "no call whose result"),
    ("JSON that is cut", "structured.test_obeys", set_to(max_tokens=3), None, "cut at max_tokens"),
    ("a cut that is none", "structured.test_cut", set_to(max_tokens=99), None, "did not cut"),
]


@pytest.mark.parametrize(("name", "request_", "answer", "because"), [row[1:] for row in OPEN], ids=[e[0] for e in OPEN])
def test_answers_that_show_nothing_are_inconclusive(
    tmp_path: Path, name: str, request_: Change | None, answer: Change | None, because: str
) -> None:
    result = judge_service(name, tmp_path, request_, answer)
    assert result.status is Status.INCONCLUSIVE, result.reason
    assert because in result.reason


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(
    ("answered", "statuses"),
    [
        ((429, {"error": {"message": "later"}}), (Status.INCONCLUSIVE,)),
        ((500, {"error": {"message": "no"}}), (Status.FAIL, Status.INCONCLUSIVE)),
        ((200, {"choices": []}), (Status.FAIL, Status.INCONCLUSIVE)),
    ],
    ids=["declines", "breaks", "empty"],
)
def test_a_service_that_answers_nothing_never_passes(
    tmp_path: Path, name: str, answered: Answered, statuses: Sequence[Status]
) -> None:
    with serving(lambda path, body: answered) as url:
        verdict = run_check(url, name, tmp_path)
    assert verdict.status in statuses, verdict.reason


def test_an_ignored_seed_is_noted(tmp_path: Path) -> None:
    result = judge_service("parameters.test_seed", tmp_path, set_to(temperature=0))
    assert result.status is Status.PASS
    assert any("nothing shows that the seed is used" in note for note in result.notes)


@pytest.mark.parametrize(
    ("protocol", "may_accept"),
    [
        ("openai_chat", [False, False]),
        ("openai_completions", [False, False]),
        ("ollama", [True, False]),
        ("anthropic", [True, True]),
    ],
)
def test_a_bad_value_of_what_is_no_option_may_be_ignored(tmp_path: Path, protocol: str, may_accept: list[bool]) -> None:
    endpoint = Endpoint("http://127.0.0.1:1", protocol, model="m")
    with asking(Settings(endpoint, ("integration",)), tmp_path) as session:
        assert [make_bad_parameter(session, name).may_accept for name in ("n_zero", "seed_words")] == may_accept
        assert not make_bad_parameter(session, "temperature_negative").may_accept


def test_options_that_a_protocol_lacks_are_skipped_in_the_plan() -> None:
    promises = Promises(True, tools=True, structured_output=True, choices=True, logprobs=True)
    declared = [(entry.id, entry.suite, entry.spec) for entry in list_checks("integration")]

    def list_skipped(name: str) -> set[str]:
        endpoint = Endpoint("http://127.0.0.1:1", name, model="m")
        able = load_adapter(name).capabilities(endpoint, Facts())
        settings = Settings(endpoint, ("integration",), promises=promises)
        plan = build_plan(settings, declared, {"integration": able})
        return {check.id.partition("::")[2].partition("[")[0] for check in plan.checks if check.not_applicable}

    shapes = {"test_choices", "test_logprobs", "test_called", "test_goes_on", "test_obeys", "test_choices_counted"}
    assert shapes | {"test_seed"} <= list_skipped("anthropic")
    assert shapes <= list_skipped("ollama")
    assert "test_seed" not in list_skipped("ollama")
    assert not (shapes | {"test_seed"}) & list_skipped("openai_chat")


@pytest.mark.parametrize("name", ["usage.test_streamed_counts", "parameters.test_ending", "parameters.test_stop"])
def test_a_service_that_words_each_answer_differently_does_not_fail(tmp_path: Path, name: str) -> None:
    """Hosted models are not repeatable at temperature 0, and none promises to be."""
    with chat(reword) as url:
        verdicts = [run_check(url, name, tmp_path, Promises()) for _ in range(6)]
    assert all(verdict.status is not Status.FAIL for verdict in verdicts), [verdict.reason for verdict in verdicts]


@pytest.mark.parametrize("name", ["parameters.test_max_tokens", "parameters.test_ending"])
def test_a_model_that_ends_now_and_then_just_at_the_limit_does_not_fail(tmp_path: Path, name: str) -> None:
    ends = itertools.cycle(["stop", "length", "stop"])

    def end_by_chance(part: dict[str, Any]) -> None:
        if part["finish_reason"] == "length":
            part["finish_reason"] = next(ends)

    with chat(answer=each_choice(end_by_chance)) as url:
        verdicts = [run_check(url, name, tmp_path, Promises()) for _ in range(3)]
        promised = [run_check(url, name, tmp_path) for _ in range(3)]
    assert {verdict.status for verdict in verdicts} == {Status.PASS}, [verdict.reason for verdict in verdicts]
    assert Status.FAIL in {verdict.status for verdict in promised}


@pytest.mark.parametrize(("text", "words"), [("Sorry.", "required: 'Sorry.'"), ("", "required: the text is empty")])
def test_a_lost_call_says_what_came_instead(text: str, words: str) -> None:
    assert words in str(find_bad_call(Answer(text, finish_reason="stop"), {}))
