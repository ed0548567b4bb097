"""What is written beside the answer: marks of templates, and thinking that callers switch on and off."""

from __future__ import annotations

from harness.checks.generation.reasoning import SPELLINGS, judge_reasoning
from harness.checks.generation.template_marks import judge_template_marks
from harness.checks.generation.template_texts import (
    CONFIRMED_TEXTS,
    PLAIN,
    TEMPLATE_TEXTS,
    TEXT_REPEATS,
    TemplateAnswers,
    find_lost_text,
    judge_template_texts,
    write_prompt,
)
from harness.core.exchange import Exchange
from harness.suite import Session, Verdict, check, mutate

from .generated_text import LONG, OPEN_PROMPT, OWN, ask_both_ways, make_query

_PROMPTS = (OPEN_PROMPT, "List three fruits.", "Write one line of Python that prints the date.")


@check(
    "no mark of a chat template stands in a text",
    needs=("generates",),
    requests=2 * len(_PROMPTS) + 2,
    tokens=2 * (len(_PROMPTS) + 2) * LONG,
    answers=2 * len(_PROMPTS) + 4,
    broken_by=(mutate("other_answer", add="<|im_end|>"),),
)
def test_no_template_marks(ai_client: Session) -> Verdict:
    for prompt in _PROMPTS:
        ask_both_ways(ai_client, LONG, prompt)
    if ai_client.capabilities.chat_options and ai_client.promises.choices:
        # Each choice has thinking of its own, and needs a parser of its own.
        ask_both_ways(ai_client, LONG, OPEN_PROMPT, n=2)
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


_TEXTS_COST = 1 + len(TEMPLATE_TEXTS) + 2 * TEXT_REPEATS * CONFIRMED_TEXTS


@check(
    "texts that look like marks of a template are kept, and switch nothing",
    needs=("generates",),
    requests=_TEXTS_COST,
    tokens=_TEXTS_COST * OWN,
    broken_by=(mutate("stale_answer"),),
)
def test_template_texts_kept(ai_client: Session) -> Verdict:
    def ask(text: str) -> Exchange:
        return ai_client.ask(make_query(ai_client, OWN, write_prompt(text)))

    control = ask(PLAIN)
    pairs = {text: [(ask(text), control)] for text in TEMPLATE_TEXTS if control.ok}
    suspects = [text for text, asked in pairs.items() if find_lost_text(text, *asked[0])]
    for text in suspects[:CONFIRMED_TEXTS]:
        pairs[text] += [(ask(text), ask(PLAIN)) for _ in range(TEXT_REPEATS)]
    controls = [beside for asked in pairs.values() for _, beside in asked]
    return judge_template_texts(TemplateAnswers(controls or [control], pairs), ai_client.show)
