"""Calls of tools side by side: which are another request's, lost or broken, and which a model may choose."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from harness.checks.isolation.own_calls import Caller, judge_own_calls
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Choice, Exchange, Request, Response, Timing, ToolCall
from harness.core.settings import Promises, Settings
from harness.core.verdict import Counterexample, Status
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.services import asking

own_calls = import_module("harness.suites.integration.test_own_calls").test_own_calls


@pytest.mark.parametrize(
    ("defects", "status", "reason"),
    [
        ((), Status.PASS, "each got what they get alone"),
        (("tool_parser_shared",), Status.FAIL, "in streams alone"),
        (("tools_by_name",), Status.FAIL, "cross-talk"),
    ],
    ids=["healthy", "one parser for all", "tools by name"],
)
@pytest.mark.parametrize("deterministic", [True, False])
def test_calls_side_by_side(
    tmp_path: Path, defects: tuple[str, ...], status: Status, reason: str, deterministic: bool
) -> None:
    with ReferenceProcess(ServiceSettings(token_ms=1, defects=defects)) as server:
        promises = Promises(tools=True, deterministic=deterministic, structured_output=deterministic)
        endpoint = Endpoint(server.url, "openai_chat", model="tiny-chat")
        with asking(Settings(endpoint, ("integration",), promises=promises), tmp_path) as session:
            verdict = own_calls(session)
    assert verdict.status is status, verdict.reason
    assert reason in verdict.reason


def make_answer(
    *calls: str, text: str = "", ending: str = "tool_calls", status: int = 200, sent: float = 0.0
) -> Exchange:
    """An answer that calls a tool for each of these codes."""
    made_calls = tuple(ToolCall(f"call_{code}", "note", f'{{"code": "{code}"}}') for code in calls)
    answer = Answer(text, choices=(Choice(0, text, ending, made_calls),), finish_reason=ending, complete=True)
    return Exchange(Request("POST", "/"), Timing(0.0, sent=sent, done=1.0), Response(status), answer)


def make_caller(code: str, *, is_free: bool = False) -> Caller:
    alone = make_answer(code)
    schema = {"type": "object", "properties": {"code": {"enum": [code]}}, "required": ["code"]}
    return Caller(f"note {code}, streamed", code, {"note": schema}, is_free, alone, alone)


PLAIN = make_answer(text="333", ending="stop")
FREE = make_caller("222", is_free=True)
FORMED = make_answer(text='{"code": "555"}', ending="stop")
CALLERS = [
    *(make_caller("111"), FREE, Caller("no tool, whole", "333", {}, True, PLAIN, PLAIN)),
    Caller("a schema, streamed", "555", {}, True, FORMED, FORMED, {"properties": {"code": {"const": "555"}}}),
]
NO_CALL = make_answer(text="Which city?", ending="stop")


@pytest.mark.parametrize(
    ("number", "answer", "status", "because"),
    [
        (0, make_answer("111"), Status.PASS, ""),
        (0, make_answer("222"), Status.FAIL, "has the code 222 of another request"),
        (0, make_answer("999"), Status.FAIL, "the arguments of 'note'"),
        (0, NO_CALL, Status.FAIL, "its call is lost: no call, the finish reason 'stop', the text 'Which city?'"),
        (0, make_answer(ending="tool_calls"), Status.FAIL, "its call is lost"),
        (0, make_answer("111", ending="length"), Status.INCONCLUSIVE, "cut at max_tokens"),
        (1, NO_CALL, Status.INCONCLUSIVE, "free to choose"),
        (1, make_answer(ending="tool_calls"), Status.FAIL, "its call is lost"),
        (1, make_answer("222", "222"), Status.FAIL, "the ids do not distinguish the calls"),
        (2, make_answer("999"), Status.FAIL, "'note' is called, the tool of another request"),
        (2, make_answer(text="111", ending="stop"), Status.FAIL, "has the code 111"),
        (3, make_answer(text='{"code": "555"}', ending="stop"), Status.PASS, ""),
        (3, make_answer(text='{"code": "5', ending="stop"), Status.FAIL, "its text does not obey its own schema"),
    ],
)
def test_one_answer_beside_right_ones(number: int, answer: Exchange, status: Status, because: str) -> None:
    beside = [(place, caller.first) for place, caller in enumerate(CALLERS)]
    verdict = judge_own_calls(CALLERS, [[(number, answer), *beside]], lambda words, _: Counterexample(words))
    assert verdict.status is status, verdict.reason
    assert because in verdict.reason


def test_calls_that_a_free_model_leaves_out_only_beside_others_are_lost() -> None:
    callers = [make_caller("111"), FREE, make_caller("444", is_free=True)]
    rounds = [[(1, NO_CALL), (2, NO_CALL)]] * 16
    verdict = judge_own_calls(callers, rounds, lambda words, _: Counterexample(words))
    assert verdict.status is Status.FAIL, verdict.reason
    assert "its call is lost" in verdict.reason


def test_a_pass_names_what_was_left_out() -> None:
    callers = [make_caller("111"), FREE, Caller("river, auto", "666", FREE.schemas, True, NO_CALL, NO_CALL)]
    rounds = [[(0, callers[0].first), (1, FREE.first)]]
    verdict = judge_own_calls(callers, rounds, lambda words, _: Counterexample(words))
    assert verdict.status is Status.PASS, verdict.reason
    assert "left out, because they are not right alone: river, auto" in verdict.reason


def test_without_two_right_calls_alone_nothing_is_said() -> None:
    callers = [CALLERS[0], Caller("auto, whole", "222", FREE.schemas, True, NO_CALL, NO_CALL)]
    verdict = judge_own_calls(callers, [], lambda words, _: Counterexample(words))
    assert verdict.status is Status.INCONCLUSIVE
    assert "calls no tool" in verdict.reason
