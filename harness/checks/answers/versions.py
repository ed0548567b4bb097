"""One service, several replicas: every answer to a request comes from the same version of the service.

Tested in tests/suites/integration/test_repeat.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from harness.checks.common import Show, explain_decline, judge, judge_case
from harness.checks.comparison import compare_contents
from harness.checks.generation.thinking import describe_no_content
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

_STATED = re.compile(r"(version|revision|fingerprint|commit|release|build)$|^model$", re.I)
"""Names of header lines, and of fields of an answer, that state the version which answered."""
_PLACES = re.compile(r"replica|instance|backend|upstream|server|served|pod|node|host", re.I)
"""Names of header lines that state which server answered."""
_MOST_VERSIONS = 3
"""Answers to one request up to which they are called versions; beyond, the service does not repeat itself."""
_FEWEST_FAILED = 3
"""Failures that show a broken replica. Fewer may be noise, which the check of unprovoked failures counts."""


@judge
def judge_versions(answers: Sequence[Sequence[Exchange]], show: Show) -> Verdict:
    """Every input has one answer, however often it is asked; `answers` holds the exchanges of each input.

    It FAILs by answers that differ from the most frequent one to the same request, by answers that state another
    version, and by three or more failures among them. Requests that were declined are left out.
    """
    asked, failed = list(chain.from_iterable(answers)), list[Exchange]()
    for exchange in asked:
        if not exchange.ok and not explain_decline(exchange):
            failed.append(exchange)
    groups = sorted(map(_group_answers, answers), key=_is_tied)
    usual, strays = _split_answers(groups)
    judged = len(usual) + len(strays)
    compared = judged - sum(map(bool, groups))
    if compared <= 0:
        reason = f"no request was answered twice: {asked[0].outcome}" if asked else "nothing was asked"
        return make_inconclusive(reason, n=0)
    if not strays and all(exchange.content is None for exchange in usual):
        return make_inconclusive(f"every answer is empty: {describe_no_content(usual[0])}", n=0)
    problem, shown = "", usual[0]
    if strays:
        problem, shown = _describe_strays(groups, usual, strays), strays[0]
    elif stated := _find_stated_versions(usual):
        problem = stated
    elif len(failed) >= _FEWEST_FAILED:
        problem, shown = f"{len(failed)} of {len(asked)} requests fail, and the same ones are answered", failed[0]
        problem = f"{problem} at other times: {failed[0].outcome}"
    cases = [judge_case("version", shown, problem, show)] * (1 if problem else compared)
    verdict = judge_contract(cases, _describe_agreement(usual, sum(map(bool, groups))))
    lacking = len(asked) - judged
    if lacking:
        verdict = verdict.with_notes(f"{lacking} of {len(asked)} requests were not answered")
    return verdict


def _is_tied(groups: Sequence[Sequence[Exchange]]) -> bool:
    """Whether an input has two answers that came equally often: it does not show which one is usual."""
    return len(groups) > 1 and len(groups[0]) == len(groups[1])


def _split_answers(groups: Iterable[Sequence[Sequence[Exchange]]]) -> tuple[list[Exchange], list[Exchange]]:
    """The most frequent answers to each input, and all others."""
    usual, strays = list[Exchange](), list[Exchange]()
    for first, *others in filter(None, groups):
        usual += first
        strays += chain.from_iterable(others)
    return usual, strays


def _describe_agreement(answers: Sequence[Exchange], inputs: int) -> str:
    asked = f"{len(answers)} answers to {inputs} inputs"
    if all(("connection", "close") in exchange.request.headers for exchange in answers):
        asked += ", asked over new connections,"
    return f"{asked} show one version of the service: each input has one answer"


def _group_answers(exchanges: Iterable[Exchange]) -> list[list[Exchange]]:
    """The valid answers to one input in groups of equal ones, the largest first."""
    groups: list[list[Exchange]] = []
    for exchange in exchanges:
        if not exchange.ok or exchange.answer is None:
            continue
        same = next((group for group in groups if not compare_contents(group[0].content, exchange.content)), None)
        if same is None:
            groups.append([exchange])
        else:
            same.append(exchange)
    return sorted(groups, key=len, reverse=True)


def _describe_strays(
    groups: Sequence[Sequence[Sequence[Exchange]]], usual: Sequence[Exchange], strays: Sequence[Exchange]
) -> str:
    total = len(usual) + len(strays)
    sample = max((group for group in groups if len(group) > 1), key=lambda group: len(group[1]))
    difference = compare_contents(sample[0][0].content, sample[1][0].content)
    if max(map(len, groups)) > _MOST_VERSIONS:
        differing = f"{len(strays)} of {total} answers differ from others to the same request"
        return f"the service does not repeat itself: {differing}: {difference}"
    sizes = " and ".join(str(len(group)) for group in sample)
    stray = f"{len(strays)} of {total} answers are not the usual one to their request, as if of another version"
    seen = f"one request has {len(sample)} answers, {sizes} times: {difference}"
    clear = _split_answers(input_groups for input_groups in groups if not _is_tied(input_groups))
    return f"{stray}{_find_telling_name(*clear)}; {seen}"


def _find_telling_name(usual: Sequence[Exchange], strays: Sequence[Exchange]) -> str:
    """What all strays state and no usual answer does, in words; empty where nothing tells them apart."""
    usually = _count_statements(usual)
    for name, values in _count_statements(strays).items():
        others = usually.get(name, Counter())
        if not (_STATED.search(name) or _PLACES.search(name)) or len(values) != 1 or len(others) != 1:
            continue
        (stray, count), (other, _) = *values.items(), *others.items()
        if count == len(strays) and stray != other:
            return f" ({name} is {stray!r} in them, and {other!r} in the others)"
    return ""


def _find_stated_versions(answers: Sequence[Exchange]) -> str:
    """Two or three versions that equal answers state, each more than once; empty where they state one."""
    for name, values in sorted(_count_statements(answers).items()):
        if _STATED.search(name) and 1 < len(values) <= _MOST_VERSIONS and min(values.values()) > 1:
            shown = ", ".join(f"{value!r} in {count}" for value, count in values.most_common())
            return (
                f"answers come from {len(values)} versions of the service: {name} is {shown} of {len(answers)} answers"
            )
    return ""


def _count_statements(exchanges: Sequence[Exchange]) -> dict[str, Counter[str]]:
    """What answers state about the server or the version that they come from: values by name, and their counts."""
    counts: dict[str, Counter[str]] = {}
    for exchange in exchanges:
        assert exchange.response is not None
        assert exchange.answer is not None
        statements, value = dict(exchange.response.headers), exchange.answer.value
        if isinstance(value, dict):
            for name, field in value.items():
                if isinstance(field, str | int) and _STATED.search(name):
                    statements[name] = str(field)
        for name, text in statements.items():
            counts.setdefault(name, Counter())[text] += 1
    return counts
