"""Successes under a fault must be shown to be whole, and losses are seen without any promise of determinism."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from harness.chaos.judging import judge_integrity
from harness.chaos.queries import RECALLED, REPEATED
from harness.chaos.wholeness import explain_unshown, find_loss
from harness.core.experiment import LOST, RIGHT, Experiment, Sample
from harness.core.verdict import Counterexample, Status
from tests.chaos.test_judging import build_experiment

Change = Callable[[int, Sample], Sample]


def keep(_: int, sample: Sample) -> Sample:
    return sample


def make_experiment(
    under: Change = keep, *, spread: float = 0.2, n: int = 50, known: str = "", queries: int = 4
) -> Experiment:
    """`n` answers before the fault, under it and after it, with sizes around 90; `under` changes those under it."""
    random = np.random.default_rng(n)
    samples = []
    for i in range(3 * n):
        size = round(90 * float(random.lognormal(0, spread)))
        samples.append(Sample(10 * i / n, 0.02, 0.0, query=i % queries, size=size, known=known, has_usage=True))
    samples = [under(i, s) if n <= i < 2 * n else s for i, s in enumerate(samples)]
    return build_experiment(
        applied=10.0, lifted=20.0, finished=30.0, samples=tuple(samples), shortest=(Counterexample("short"),)
    )


def fail(sample: Sample) -> Sample:
    return replace(sample, error="incomplete", size=None, has_usage=False)


def test_whole_answers_pass_and_say_what_shows_it() -> None:
    verdict = judge_integrity(make_experiment())
    assert verdict.status is Status.PASS, verdict.reason
    assert "50 answers under the fault, to 4 kinds of queries" in verdict.notes[-1]
    assert "each is the right one" in judge_integrity(make_experiment(known=RIGHT)).notes[-1]


@pytest.mark.parametrize(
    ("under", "words"),
    [
        (lambda i, s: replace(s, size=10) if i % 5 else s, "shorter than those to the same queries"),
        (lambda i, s: replace(s, size=10) if i % 3 == 0 else s, "shorter than those to the same queries"),
        (lambda i, s: replace(s, size=s.size // 2), "shorter than those to the same queries"),
        (lambda i, s: replace(s, has_usage=i % 2 == 0), "25 of 50 answers stated no tokens"),
        (lambda i, s: replace(s, size=0) if i % 4 == 0 else s, "12 of 50 answers were empty"),
        (lambda i, s: replace(s, query=REPEATED, known=LOST), "had to repeat"),
        (lambda i, s: replace(s, query=RECALLED, known=LOST), "forgotten what an earlier message"),
    ],
)
def test_a_loss_fails_without_any_promise(under: Change, words: str) -> None:
    """The first is what a real LiteLLM did: five of six answers had two words, a finish reason and a terminator."""
    experiment = make_experiment(under)
    if (query := experiment.samples[50].query) < 0:
        echoes = [replace(sample, query=query, known=RIGHT) for sample in experiment.samples[:50]]
        experiment = replace(experiment, samples=(*echoes, *experiment.samples[50:]))
    verdict = judge_integrity(experiment)
    assert verdict.status is Status.FAIL, verdict.reason
    assert words in verdict.reason
    assert verdict.counterexamples == (Counterexample("short"),)


def test_answers_that_were_short_before_have_lost_nothing() -> None:
    experiment = make_experiment()
    for change in ({"size": 0}, {"has_usage": False}, {"query": REPEATED, "known": LOST}):
        samples = tuple(replace(sample, **change) if i % 2 else sample for i, sample in enumerate(experiment.samples))
        assert find_loss(replace(experiment, samples=samples)) == ""


def test_long_answers_that_failed_do_not_make_the_others_short() -> None:
    """A deadline strikes the long ones: what is left is shorter, and nothing of it is lost."""
    experiment = make_experiment(lambda i, s: fail(s) if (s.size or 0) > 90 else s, spread=0.8)
    assert find_loss(experiment) == ""
    mixed = make_experiment(lambda i, s: fail(s) if i % 2 else replace(s, has_usage=False))
    streams = tuple(replace(s, has_usage=i % 2 == 1) for i, s in enumerate(mixed.samples[:50]))
    assert find_loss(replace(mixed, samples=(*streams, *mixed.samples[50:]))) == "", "streams never stated usage"


def test_a_baseline_of_long_answers_is_no_loss_and_a_loss_that_lasts_is_one() -> None:
    experiment = make_experiment(spread=0.1)
    before = tuple(replace(s, size=(s.size or 0) + 10 * (i % 3)) for i, s in enumerate(experiment.samples[:50]))
    assert find_loss(replace(experiment, samples=(*before, *experiment.samples[50:100]))), "nothing came after the lift"
    assert find_loss(replace(experiment, samples=(*before, *experiment.samples[50:]))) == ""
    lasting = tuple(replace(sample, size=(sample.size or 0) // 3) for sample in experiment.samples[50:])
    assert "shorter" in find_loss(replace(experiment, samples=(*experiment.samples[:50], *lasting)))


def test_what_could_not_be_seen_is_not_claimed() -> None:
    experiment = make_experiment(spread=1.3)
    verdict = judge_integrity(experiment)
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason
    assert "nothing shows that their answers are whole" in verdict.reason
    few = judge_integrity(make_experiment(n=6))
    assert few.status is Status.INCONCLUSIVE
    assert "times as long" in few.reason
    assert explain_unshown(make_experiment(n=6, known=RIGHT)) == ""
    assert explain_unshown(make_experiment(lambda i, s: fail(s), n=6)) == "", "nothing was declared a success"


def test_answers_of_known_content_show_it_for_the_others() -> None:
    half = make_experiment(lambda i, s: replace(s, known=RIGHT) if i % 2 else s, spread=1.3)
    assert explain_unshown(half) == ""


@pytest.mark.parametrize("more", [{"broken": "the proxy is gone"}, {"applied": None}])
def test_an_experiment_that_was_not_carried_out_shows_no_loss(more: dict[str, str | None]) -> None:
    experiment = replace(make_experiment(lambda i, s: replace(s, size=1)), **more)  # type: ignore[arg-type]
    assert judge_integrity(experiment).status is not Status.FAIL
