"""Which requests of a load have a known answer, and which answers are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Exchange, Query, Request, Timing
from harness.core.load import Job, KnownRequest
from harness.core.load_settings import LoadSettings
from harness.core.workload import Material
from harness.load.answer_reader import RawExchange
from harness.load.controls import Controls, KnownAnswer, is_echo_lost
from harness.load.forms import TEXT_MARK, find_number, make_digits
from harness.load.recorder import Recorder
from harness.load.request_maker import RequestMaker, describe_workload
from harness.run.preflight import load_adapter

CHAT = Query([{"role": "user", "content": "Hi"}], options={"max_tokens": 16})
ECHO = Query([{"role": "user", "content": f"Repeat after me: {TEXT_MARK}"}], options={"max_tokens": 16})
ASKED = Request("POST", "/v1/chat/completions", (), b"{}")
JOB = Job(
    Endpoint("http://127.0.0.1:1", "openai_chat", model="m"), (ASKED,), LoadSettings(rate=50, duration=10), "", 0.0,
    reference="hello", seed=7, material=Material("text", CHAT, seed=7),
    known=(KnownRequest("row 3", ASKED, label="cat"), KnownRequest("row 4", ASKED, {"y": [0.25, 0.75]})), echo=ECHO,
)  # fmt: skip


def answer(text: str | None = None, reason: str | None = "stop", outputs: Mapping[str, Any] | None = None) -> Exchange:
    content = Answer(text=text, outputs=outputs or {}, finish_reason=reason)
    return Exchange(ASKED, Timing(0.0, 0.0, 0.1, (), 0.1), answer=content)


def wrong(known: KnownAnswer, exchange: Exchange) -> str:
    return Controls(JOB).find_wrong_answer(known, exchange)


def test_known_requests_and_codes_are_sent_in_turn_and_nothing_else_changes() -> None:
    adapter = load_adapter("openai_chat")
    maker, plain = RequestMaker(JOB, adapter), RequestMaker(replace(JOB, reference=None, known=(), echo=None), adapter)
    known = {k: maker.controls.find_answer(k) for k in range(500)}
    controls = [k for k, value in known.items() if value]
    assert controls == list(range(9, 500, 10))
    names = [known[k].name for k in controls[:5]]  # type: ignore[union-attr]
    assert names == ["the sample", "row 3", "row 4", "a code to repeat", "the sample"]
    others = [maker.encode(k) for k in range(500) if k not in controls]
    assert others == [plain.encode(k) for k in range(len(others))]
    codes = [k for k in controls if known[k].code]  # type: ignore[union-attr]
    assert len({maker.encode(k)[0].body for k in codes}) == len(codes) == 12
    for k in codes:
        request, wire = maker.encode(k)
        assert f"Repeat after me: {make_digits(7, k)}".encode() in request.body
        assert TEXT_MARK.encode() not in wire
    assert [k for k in range(500) if maker.is_repeat(k)] == [k for k in controls if k not in codes]
    assert "of 10 requests one has a known answer: the sample, row 3 and the like (2), a code to repeat" in (
        describe_workload(JOB)
    )


@pytest.mark.parametrize("seed", [0, 7, 20_240_229])
def test_a_code_says_whose_it_is(seed: int) -> None:
    assert [find_number(seed, make_digits(seed, k)) for k in range(0, 3000, 7)] == list(range(0, 3000, 7))


def test_a_text_is_compared_as_far_as_it_goes() -> None:
    known = KnownAnswer("the sample", "one two three")
    assert not wrong(known, answer("one two three"))
    assert "not 'one two three'" in wrong(known, answer("one two"))
    assert not wrong(known, answer("one two", "length"))
    assert wrong(known, answer("two", "length"))


def test_numbers_are_compared_within_the_tolerance_of_other_checks() -> None:
    known = KnownAnswer("row 4", {"y": [0.25, 0.75]})
    assert not wrong(known, answer(outputs={"y": [0.25, 0.7500001]}))
    assert "0.76" in wrong(known, answer(outputs={"y": [0.25, 0.76]}))


def test_the_label_of_a_row_is_what_counts() -> None:
    known = KnownAnswer("row 3", label="cat")
    assert not wrong(known, answer(outputs={"label": ["cat"], "probability": [0.7]}))
    assert not wrong(known, answer(outputs={"label": ["cat"], "probability": [0.6]}))
    assert wrong(known, answer(outputs={"label": ["dog"]})) == "row 3 is labelled 'cat', answered 'dog'"


def test_the_code_of_another_request_is_wrong_and_a_lost_one_is_not_yet() -> None:
    controls = Controls(JOB)
    own, other = (controls.find_answer(k) for k in (39, 79))
    assert own is not None
    assert other is not None
    assert not wrong(own, answer(f"Sure: {own.code}."))
    foreign = wrong(own, answer(f"Sure: {other.code}."))
    assert foreign == f"asked to repeat {own.code}, it holds {other.code}, the code of another request of this load"
    assert wrong(own, answer(f"{own.code} {other.code}"))
    for text in ("I cannot.", own.code[:5], make_digits(7, 40), f"9{other.code}"):  # of no request that was to repeat
        assert not wrong(own, answer(text))
        assert is_echo_lost(own, answer(text))
    assert not is_echo_lost(own, answer(f"Sure: {own.code}."))
    assert not is_echo_lost(own, answer("Sure", "length"))


def test_an_error_decides_nothing_and_the_smallest_examples_are_kept() -> None:
    recorder = Recorder(JOB)
    recorder.begin(0.0)
    known = KnownAnswer("the sample", "hello")
    failed = Exchange(ASKED, Timing(0.0), error=None, answer=None)
    recorder.add(failed, RawExchange(0.0), known)
    for size in (90, 10, 70, 30, 50):
        request = replace(ASKED, body=b"x" * size)
        recorder.add(replace(answer("hullo"), request=request), RawExchange(0.0), known)
    counts = recorder.flush()
    assert counts.wrong_count == 5
    assert [len(example.request["body"]) for example in counts.wrong] == [10, 30, 50]  # type: ignore[index]
    assert "not 'hello'" in counts.wrong[0].summary
