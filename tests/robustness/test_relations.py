"""Relations of every kind over real services: seeded defects break them, healthy twins hold."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.core.endpoint import Deadlines, Endpoint
from harness.core.errors import HarnessError, UsageError
from harness.core.objective import PROFILES
from harness.core.plan import PlannedCheck
from harness.core.registry import list_plugins, load_plugin
from harness.core.relation import Reading, Relation, RelationKind
from harness.core.settings import Settings
from harness.core.verdict import Counterexample, Level, Status, Verdict
from harness.robustness.relation_asking import RelationAsker, RelationResult
from harness.robustness.relation_judging import judge_relation
from harness.robustness.relation_shrinking import shrink_change
from tests.services import Answered, asking, serving

PATIENT = Deadlines(connect=60.0, first_byte=60.0, inter_token=60.0, total=120.0)
ROWS = [[number % 17 / 17, number % 13 / 13, float(number % 2)] for number in range(40)]
TEXTS = [
    f"the {adjective} film of {year} was a joy to watch"
    for adjective in ("short", "long")
    for year in range(1990, 2000)
]
FIELDS = [{"height": 150.0 + number, "unit": "cm", "sex": "mf"[number % 2]} for number in range(20)]


def ask(model: Callable[[Any], Any], data: list[Any], folder: Path, *, search: int = 0, **given: Any) -> RelationResult:
    """The result of a relation over a service whose `model` answers one row."""

    def answer(path: str, body: Any) -> Answered:
        if isinstance(data[0], str):
            reply = model(body["messages"][-1]["content"])
            if isinstance(reply, tuple):
                return reply
            message = {"role": "assistant", "content": reply}
            usage = {"prompt_tokens": 3, "completion_tokens": 1}
            return 200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        reply = model(body["instances"][0])
        return reply if isinstance(reply, tuple) else (200, {name: [value] for name, value in reply.items()})

    protocol, sample = ("openai_chat", None) if isinstance(data[0], str) else ("plain_json", [data[0]])
    with serving(answer) as url:
        endpoint = Endpoint(url, protocol, model="m", sample=sample, deadlines=PATIENT)
        settings = Settings(endpoint, ("validation",), extras=("property",))
        with asking(settings, folder) as session:
            return RelationAsker(session, Relation(search=search, **given), data).run(range(len(data)), 5)


def fair(row: Any) -> Any:
    score = 0.2 + 0.4 * row[0] + 0.3 * row[1]
    return {"predictions": int(score > 0.5), "probabilities": [1 - score, score]}


def forbidden_feature(row: Any) -> Any:
    return fair([row[0], row[1] - 0.5 * row[2]])


def not_monotone(row: Any) -> Any:
    return fair([row[0] if row[0] < 0.7 else 0.2, row[1]])


def brittle(row: Any) -> Any:
    return fair([row[0], float(int(row[0] * 1e6) % 2)])


def classify(text: str) -> str:
    return "positive" if "joy" in text.lower() and "terrible" not in text.lower() else "negative"


def case_sensitive(text: str) -> str:
    return "positive" if "joy" in text else "negative"


def score(text: str) -> str:
    return str(0.9 - 0.5 * ("terrible" in text.lower()))


def tall(row: Any) -> Any:
    metres = row["height"] / (100 if row["unit"] == "cm" else 1)
    return {"predictions": int(metres > 1.6)}


def ignores_unit(row: Any) -> Any:
    return {"predictions": int(row["height"] > 160)}


def by_order(row: Any) -> Any:
    return {"predictions": int(next(iter(row)) == "height")}


def ratio(row: Any) -> Any:
    return {"predictions": int(row[0] > row[1])}


def reads_case(row: Any) -> Any:
    return {"predictions": int(row["sex"].islower())}


def lower_answer(row: Any) -> Any:
    return {"predictions": 0.0 if row[2] else 1.0}


def swap_sex(row: Any, draws: Random) -> Any:
    """A change that a user declares in Python: of every other row there is none."""
    return {**row, "sex": "F"} if row["sex"] == "m" else None


def never_lower(before: Any, after: Any) -> Any:
    """A rule that a user declares in Python."""
    lower, upper = after["predictions"][0], before["predictions"][0]
    return True if lower >= upper else f"the answer fell to {lower:g}"


UNIT = {"kind": "invariance", "change": "unit", "features": ["height"], "factor": 0.01, "words": {"cm": "m"}}
MINUS = {"kind": "direction", "change": "text", "templates": ["{text} It was terrible."], "direction": "down"}


@pytest.mark.parametrize(
    ("given", "data", "healthy", "defect", "words"),
    [
        ({"kind": "forbidden", "features": [2]}, ROWS, fair, forbidden_feature, "with 2 from"),
        ({"kind": "monotonicity", "features": [0], "output": 1, "size": 0.2}, ROWS, fair, not_monotone, "should go up"),
        ({"kind": "invariance", "change": "noise", "size": 1e-5}, ROWS, fair, brittle, "became"),
        ({"kind": "symmetry", "features": [0, 1]}, ROWS, lambda r: fair([max(r[:2]), min(r[:2])]), fair, "became"),
        ({"kind": "invariance", "change": "case"}, TEXTS, classify, case_sensitive, "'positive' became 'negative'"),
        ({"kind": "invariance", "change": "whitespace"}, TEXTS, classify, lambda t: str(len(t)), "became"),
        ({"kind": "invariance", "change": "typo"}, TEXTS, classify, lambda t: str("watch" in t), "became"),
        (MINUS, TEXTS, score, lambda t: "0.9", "should go down"),
        (UNIT, FIELDS, tall, ignores_unit, "unit from 'cm' to 'm'"),
        ({"kind": "invariance", "change": "unit", "features": [0, 1], "factor": 10.0}, ROWS, ratio, fair, "became"),
        (
            {"kind": "invariance", "change": "case", "features": ["sex"]},
            FIELDS,
            tall,
            reads_case,
            "sex from 'm' to 'M'",
        ),
        ({"kind": "invariance", "change": f"{__name__}:swap_sex"}, FIELDS, tall, reads_case, "sex from 'm' to 'F'"),
        (
            {"kind": "forbidden", "features": [2], "holds": f"{__name__}:never_lower"},
            ROWS,
            fair,
            lower_answer,
            "fell to 0",
        ),
        ({"kind": "invariance", "change": "column_order"}, FIELDS, tall, by_order, "its fields in another order"),
    ],
)
def test_a_defect_breaks_it_and_a_healthy_model_does_not(
    tmp_path: Path, given: Any, data: list[Any], healthy: Any, defect: Any, words: str
) -> None:
    sound = ask(healthy, data, tmp_path, **given)
    assert (sound.broken, sound.judged) == (0, sound.rows - sound.unchanged), sound
    assert sound.judged >= len(data) // 2
    broken = ask(defect, data, tmp_path, **given)
    assert broken.broken > 0, broken
    assert words in broken.examples[0].summary
    assert broken.examples[0].curl


def test_the_counterexample_is_as_small_as_it_can_be(tmp_path: Path) -> None:
    result = ask(case_sensitive, TEXTS, tmp_path, kind="invariance", change="case")
    assert "changed from 'joy' to 'JOY'" in result.examples[0].summary or "'Joy'" in result.examples[0].summary
    result = ask(
        lambda row: fair([row[0] if row[0] < 0.7 else 0.0, 0.1]), ROWS, tmp_path, kind="monotonicity", output=1
    )
    assert "with 0 from" in result.examples[0].summary
    assert ", 1 from" not in result.examples[0].summary


def test_a_number_is_moved_no_further_than_needed(tmp_path: Path) -> None:
    """Noise of half the range; a step of more than about .1 upwards is what breaks it."""
    rows = [[0.25, 0.0], [0.0, 0.0], [1.0, 1.0]]
    asked: list[list[float]] = []

    def answer(row: Any) -> Any:
        asked.append(row)
        return {"predictions": int(0.35 < row[0] < 0.9)}

    result = ask(answer, rows, tmp_path, kind="invariance", change="noise", size=0.5)
    changed = float(re.search(r" to ([\d.]+)", result.examples[0].summary)[1])  # type: ignore[index]
    assert 0.35 < changed < 0.48


def rarely_wrong(row: Any) -> Any:
    """One that the ends of the range of noise alone can show."""
    return {"predictions": int(row[0] in (0.0, 1.0) and row[1] in (0.0, 1.0))}


def test_a_search_finds_what_the_sample_did_not_show_and_makes_it_simple(tmp_path: Path) -> None:
    rows = [[0.5, 0.5], [0.0, 0.3], [0.4, 1.0], [0.3, 0.0], [1.0, 0.6]]
    given: dict[str, Any] = {"kind": "invariance", "change": "noise", "size": 1.0}
    verdict = ask(rarely_wrong, rows, tmp_path, search=150, **given)
    assert (verdict.broken, verdict.judged) == (0, 5)
    assert verdict.drawn is not None
    assert "the answer 0 became 1" in verdict.drawn.summary
    assert 0 < verdict.searched <= 150
    healthy = ask(lambda row: {"predictions": 1}, rows, tmp_path, search=20, **given)
    assert (healthy.drawn, healthy.broken) == (None, 0)
    assert 5 < healthy.searched <= 20


def test_what_a_search_found_fails_and_what_it_did_not_find_is_noted() -> None:
    relation, check = Relation("forbidden"), PlannedCheck("x", "validation", Level.BLOCKER, "x")

    def judge(**more: Any) -> Verdict:
        result = RelationResult(5, 0, 5, 0, searched=7, **more)
        return judge_relation(result, relation, check, PROFILES["release"])

    drawn = judge(drawn=Counterexample("row 1: it became 2"))
    assert (drawn.status, drawn.n, len(drawn.counterexamples)) == (Status.FAIL, 5, 1)
    assert drawn.reason == "row 1: it became 2; a search found it, the 5 pairs of the random sample hold"
    passed = judge()
    assert (passed.status, passed.n) == (Status.PASS, 5)
    assert "Hypothesis searched 7 further pairs for one that breaks it" in passed.notes


def test_a_user_function_that_breaks_is_named(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"never_lower broke: TypeError"):
        ask(classify, TEXTS, tmp_path, kind="invariance", change="case", holds=f"{__name__}:never_lower")
    with pytest.raises(UsageError, match=r"\[\[relation\]\] change 'no:thing' cannot be imported"):
        ask(classify, TEXTS, tmp_path, kind="invariance", change="no:thing")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda row: (422, {"error": "no"}), "the unchanged input has no answer"),
        (lambda row: {"tags": ["a", "b"]} if row[2] else (422, {}), "the unchanged input has no answer"),
    ],
)
def test_what_is_not_answered_shows_nothing(tmp_path: Path, model: Any, words: str) -> None:
    result = ask(model, ROWS, tmp_path, kind="forbidden", features=[2])
    assert result.broken == 0
    assert words in result.unjudged[0]


def test_a_changed_input_that_breaks_the_service_breaks_the_relation_and_a_refusal_does_not(tmp_path: Path) -> None:
    def answer(text: str, status: int) -> Any:
        is_changed = text[:2] == "  " or text[-1] == "\n" or "  " in text
        return (status, {"error": "x"}) if is_changed else "a"

    for status, broken in ((500, 20), (400, 0)):
        result = ask(partial(answer, status=status), TEXTS, tmp_path, kind="invariance", change="whitespace")
        assert (result.broken, result.judged) == (broken, broken)


def test_a_service_that_does_not_repeat_itself_breaks_nothing(tmp_path: Path) -> None:
    turns = itertools.count()
    result = ask(lambda row: {"predictions": int(next(turns) == 5)}, ROWS, tmp_path, kind="forbidden", features=[2])
    assert result.broken == 0
    assert "does not repeat itself" in result.unjudged[0]


@pytest.mark.parametrize("name", list_plugins("relations"))
def test_every_kind_is_complete_and_changes_nothing_by_chance(name: str) -> None:
    kind = load_plugin("relations", name).RELATION
    assert isinstance(kind, RelationKind)
    assert kind.name == name
    assert kind.title
    relation = Relation(name, features=[0, 2], templates=["{text}!"], words={"film": "movie"})
    for change in kind.changes.values():
        for row in (ROWS[3], TEXTS[3], FIELDS[3]):
            changed = change(row, relation, Random(1), [row] if isinstance(row, str) else [row, ROWS[4], ROWS[5]][:1])
            assert changed is None or changed != row or list(changed) != list(row)
    assert kind.find_violation(Reading(), Reading(), relation) is None


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"kind": "invarance"}, "kind"),
        ({"kind": "invariance", "change": "cas"}, "change"),
        ({"kind": "invariance", "templates": ["x"]}, "templates"),
    ],
)
def test_mistakes_are_named(given: Any, key: str) -> None:
    problem = Relation(**given).find_problem()
    assert problem is not None
    assert problem[0] == key


def test_changes_that_are_not_needed_are_taken_back() -> None:
    def breaks(row: Any, changed: Any) -> bool:
        return bool(changed[1] > row[1])

    assert shrink_change([1, 2, 3], [4, 5, 6], breaks) == ([1, 2, 3], [1, 5, 3])
    assert shrink_change({"a": 1}, {"a": 2}, lambda *_: False) == ({"a": 1}, {"a": 2})
    assert shrink_change("a b c", "a X c", lambda one, other: "X" in other) == ("b", "X")
    assert shrink_change([1, 2], [2, 1], breaks=lambda *_: True, is_whole=True) == ([1, 2], [2, 1])
    assert shrink_change("a b", "a b c", lambda *_: True) == ("a b", "a b c")


@pytest.mark.parametrize(("kind", "change"), [("invariance", "noise"), ("monotonicity", "step")])
def test_changed_numbers_stay_in_the_range_of_the_data(kind: str, change: str) -> None:
    """A service that checks its input refuses a pixel below 0."""
    make_change = load_plugin("relations", kind).RELATION.changes[change]
    relation = Relation(kind=kind, change=change, features=[], size=0.5)
    rows = [[0.0, 3, 7.0], [1.0, 9, 7.0], [0.4, 4, 7.0]]
    changed = [make_change(row, relation, Random(seed), rows) for row in rows for seed in range(50)]
    assert any(row not in rows for row in changed if row is not None)
    for row in filter(None, changed):
        assert 0.0 <= row[0] <= 1.0
        assert 3 <= row[1] <= 9
        assert row[2] == 7.0
