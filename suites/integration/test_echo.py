"""A prompt that is to be echoed, with the log-probabilities of its tokens."""

from __future__ import annotations

from harness.checks.generation.prompt_echo import judge_prompt_echo
from harness.suite import Session, Verdict, check

from .generated_text import SHORT, ask_both_ways

_PROMPT = "one two three four five six seven eight nine ten"


@check(
    "an echoed prompt is covered by the log-probabilities, or the request is refused",
    needs=("echoes",),
    promise="logprobs",
    requests=2,
    tokens=2 * SHORT,
)
def test_prompt_covered(ai_client: Session) -> Verdict:
    exchanges = ask_both_ways(ai_client, SHORT, _PROMPT, echo=True, logprobs=1)
    return judge_prompt_echo(_PROMPT, exchanges, ai_client.show)
