"""What is written beside the answer: marks of templates, and thinking that callers switch on and off."""

from __future__ import annotations

from harness.checks.generation.reasoning import SPELLINGS, judge_reasoning
from harness.checks.generation.template_marks import judge_template_marks
from harness.suite import Session, Verdict, check, mutate

from .generated_text import LONG, OPEN_PROMPT, OWN, ask_both_ways, make_query

_PROMPTS = (OPEN_PROMPT, "List three fruits.", "Write one line of Python that prints the date.")


@check(
    "no mark of a chat template stands in a text",
    needs=("generates",),
    requests=2 * len(_PROMPTS),
    tokens=2 * len(_PROMPTS) * LONG,
    broken_by=(mutate("other_answer", add="<|im_end|>"),),
)
def test_no_template_marks(ai_client: Session) -> Verdict:
    for prompt in _PROMPTS:
        ask_both_ways(ai_client, LONG, prompt)
    return judge_template_marks(ai_client.texts)


@check(
    "thinking is on or off as promised, however callers spell it",
    needs=("generates",),
    grounds=("reasoning",),
    requests=2 + len(SPELLINGS),
    tokens=(2 + len(SPELLINGS)) * OWN,
)
def test_reasoning_promised(ai_client: Session) -> Verdict:
    promise = ai_client.promises.reasoning
    assert promise is not None
    answers = [("", exchange) for exchange in ask_both_ways(ai_client, OWN, OPEN_PROMPT)]
    able = ai_client.capabilities.streaming
    for place, (name, options) in enumerate(SPELLINGS.items()):
        query = make_query(ai_client, OWN, OPEN_PROMPT, stream=able and place % 2 == 1, **options)
        answers.append((name, ai_client.ask(query)))
    return judge_reasoning(promise, answers, ai_client.show)
