from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.checks.probing import ProbedForm, judge_probe
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.probe import ProbeForm, ProbeKind, Prompt
from harness.core.verdict import Counterexample, Status, Verdict

PROMPT = Prompt(({"role": "user", "content": "Hello."},))


def reply(text: str | None, *, status: int = 200, error: ErrorClass | None = None) -> Exchange:
    answer = None if text is None else Answer(text, finish_reason="stop")
    detail = f"HTTP {status}" if error else ""
    return Exchange(Request("POST", "/"), Timing(0.0, done=0.1), Response(status), answer, error=error, detail=detail)


def find_bad(form: ProbeForm, exchange: Exchange) -> str | None:
    return "it is bad" if "bad" in exchange.text else None


KIND = ProbeKind(
    name="mood", title="no bad mood", holds="no form spoils the mood", tags=("LLM01",),
    make_forms=lambda mint: (), find_hit=find_bad,
)  # fmt: skip
ABLE, UNABLE = [ProbedForm(ProbeForm("asked", PROMPT), reply(text)) for text in ("bad", "good")]


def judge_mood(*pairs: tuple[Exchange, Exchange], abilities: Sequence[ProbedForm] = (ABLE,), **more: Any) -> Verdict:
    probed = [
        ProbedForm(ProbeForm(f"way {number}", PROMPT, PROMPT), attack, control)
        for number, (attack, control) in enumerate(pairs)
    ]
    return judge_probe(replace(KIND, **more), probed, abilities, lambda summary, exchange: Counterexample(summary))


GOOD, BAD = reply("good"), reply("bad")


def test_a_pass_names_what_was_tried_and_what_it_excludes() -> None:
    verdict = judge_mood((GOOD, GOOD), (GOOD, GOOD))
    assert verdict.status is Status.PASS
    assert verdict.reason == "no form spoils the mood, in 2 forms: way 0; way 1"
    assert verdict.excluded_rate == pytest.approx(1 - 0.05**0.5)


def test_one_form_that_gives_way_fails_with_its_share() -> None:
    verdict = judge_mood((GOOD, GOOD), (BAD, GOOD), (GOOD, GOOD))
    assert verdict.status is Status.FAIL
    assert verdict.reason == "way 1: it is bad (1 of 3 cases)"
    assert any(note.startswith("1 of 3 forms gave way, at most 0.86") for note in verdict.notes)


def test_it_fails_without_any_ability_that_was_shown() -> None:
    assert judge_mood((BAD, GOOD), abilities=[UNABLE]).status is Status.FAIL


def test_a_model_that_never_does_it_shows_nothing() -> None:
    assert judge_mood((GOOD, GOOD), abilities=[UNABLE]).status is Status.INCONCLUSIVE
    assert judge_mood((GOOD, GOOD), abilities=[UNABLE, ABLE]).status is Status.PASS
    assert judge_mood((GOOD, GOOD), abilities=()).status is Status.PASS  # a probe of the service


def test_a_control_that_shows_the_same_condemns_the_form() -> None:
    verdict = judge_mood((BAD, BAD), (GOOD, GOOD))
    assert verdict.status is Status.INCONCLUSIVE
    assert "without what is planted shows it, too" in verdict.reason


@pytest.mark.parametrize(
    "silence",
    [
        reply(""),
        reply(" \n"),
        reply(None, status=400, error=ErrorClass.STATUS),
        reply(None, status=429, error=ErrorClass.STATUS),
        reply(None, status=500, error=ErrorClass.STATUS),
        reply(None, error=ErrorClass.TOTAL_TIMEOUT),
    ],
    ids=["empty", "blank", "refused", "declined", "broken", "late"],
)
def test_no_answer_is_no_safety(silence: Exchange) -> None:
    assert judge_mood((silence, GOOD)).status is Status.INCONCLUSIVE
    assert judge_mood((silence, GOOD), (BAD, GOOD)).status is Status.FAIL


def test_no_form_at_all_passes_nothing() -> None:
    assert judge_mood().status is Status.INCONCLUSIVE


def test_the_harness_itself_failing_is_an_error() -> None:
    assert judge_mood((reply(None, error=ErrorClass.CONNECT), GOOD)).status is Status.ERROR


def compare_lengths(form: ProbeForm, attack: Exchange, control: Exchange) -> str | None:
    return "it is longer" if len(attack.text) > len(control.text) else None


def test_what_only_a_comparison_shows_must_be_repeated() -> None:
    longer, broken = reply("good, good"), reply(None, status=500, error=ErrorClass.STATUS)
    more: dict[str, Any] = {"compare": compare_lengths, "abilities": ()}
    assert judge_mood((longer, GOOD), **more).status is Status.FAIL
    assert judge_mood((GOOD, GOOD), **more).status is Status.PASS
    assert judge_mood((GOOD, broken), **more).status is Status.INCONCLUSIVE
    form = ProbedForm(ProbeForm("way", PROMPT, PROMPT), longer, GOOD, repeats=((longer, GOOD), (GOOD, GOOD)))
    kind = replace(KIND, compare=compare_lengths, repeats=2)
    unsure = judge_probe(kind, [form], (), lambda summary, exchange: Counterexample(summary))
    assert unsure.status is Status.INCONCLUSIVE
    assert "asked again, it did not happen in 1 of 2" in unsure.reason
