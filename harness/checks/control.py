"""The control: valid inputs whose answers are known before anything unusual is sent.

Tested in tests/wrong_verdicts/test_wrong_integration_verdicts.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.checks.common import Show, find_failed, judge_last_request
from harness.checks.comparison import compare_contents, find_owner
from harness.checks.generation.thinking import describe_no_content
from harness.core.exchange import Exchange
from harness.core.verdict import Case


@dataclass(frozen=True, slots=True)
class Control:
    """The answers to a few valid inputs, each sent twice, with which later answers are compared.

    `marks` has one text for each input, which only the right answer to that input contains; or it is empty.
    `may_reword`: the service is a language model that does not promise determinism, so its texts may vary.
    """

    first: Sequence[Exchange]
    again: Sequence[Exchange]
    marks: Sequence[str] = ()
    may_reword: bool = False

    @property
    def contents(self) -> list[Any]:
        """The content of each input's first answer."""
        return [exchange.content for exchange in self.first]

    @property
    def problem(self) -> str:
        """Why the check can show nothing: a valid request fails. Empty if all are answered."""
        failed = find_failed((*self.first, *self.again))
        return f"a valid request is not answered, so nothing can be shown: {failed.outcome}" if failed else ""

    def find_empty(self) -> Exchange | None:
        """The first exchange that failed, or whose answer is empty, so that nothing can be compared with it."""
        for exchange in (*self.first, *self.again):
            if not exchange.ok or exchange.content is None:
                return exchange
        return None

    def explain_empty(self) -> str:
        """Why there is nothing to compare with. Empty if every answer has content."""
        empty = self.find_empty()
        return f"a plain request has no answer to compare with: {describe_no_content(empty)}" if empty else ""

    def is_repeatable(self) -> bool:
        """Whether each input had the same answer both times."""
        return not any(map(compare_contents, self.contents, [exchange.content for exchange in self.again]))

    def select_distinct(self) -> tuple[list[int], str]:
        """The numbers of inputs with different answers (the first of each kind), or why there are fewer than two.

        Only answers that are repeatable, and differ from one another, show which request they belong to.
        """
        contents = self.contents
        if (empty := self.find_empty()) is not None:
            number = [*self.first, *self.again].index(empty) % len(self.first)
            return [], f"input {number}, asked alone, has no answer to compare with: {describe_no_content(empty)}"
        for number, (content, exchange) in enumerate(zip(contents, self.again, strict=True)):
            if change := compare_contents(content, exchange.content):
                return [], f"the service does not repeat itself: input {number}, asked alone twice: {change}"
        distinct: list[int] = []
        for number, content in enumerate(contents):
            if all(compare_contents(contents[other], content) for other in distinct):
                distinct.append(number)
        if len(distinct) < 2:
            same = f"all {len(contents)} inputs, asked alone, have the same answer, so no answer shows its request"
            return [], f"{same} (give inputs with different answers as [endpoint] other_samples, or in a [data] file)"
        return distinct, ""

    def list_marks(self, content: Any) -> list[int]:
        """The numbers of the inputs whose marks a text contains."""
        return [number for number, mark in enumerate(self.marks) if isinstance(content, str) and mark in content]

    def find_change(self, later: Exchange) -> str | None:
        """How a later answer to the first input differs; None if it does not, or if its answers vary anyway."""
        before = self.first[0].content
        if self.may_reword or before is None or compare_contents(before, self.again[0].content):
            return None
        return compare_contents(before, later.content)

    def describe_after(self) -> str:
        """What a valid request afterwards showed, if nothing was wrong with it, in words."""
        before = self.first[0].content
        is_compared = not self.may_reword and before is not None and not compare_contents(before, self.again[0].content)
        return "the service answers as before" if is_compared else "the service answers"

    def find_other_input(self, number: int, exchange: Exchange) -> int | None:
        """The number of another input whose answer this request for input `number` got; None if it did not.

        A text that contains its own mark is right. Nothing is found if the control's answers are not repeatable. A
        model that may decline now and then says the same to several inputs: where the control shows marks, they decide.
        """
        content = exchange.content
        if self.may_reword and number in self.list_marks(self.contents[number]):
            marks = self.list_marks(content)
            if not marks or number in marks:
                return None
            return marks[0]
        if compare_contents(self.contents[number], content) is None or not self.is_repeatable():
            return None
        marked = self.list_marks(content)
        if number in marked:
            return None
        owner = find_owner(content, self.contents)
        return marked[0] if owner is None and marked else owner

    def find_wrong_answer(self, number: int, exchange: Exchange) -> str:
        """What is wrong with a valid answer to this input, or an empty text.

        If texts may vary, only another input's answer is wrong.
        """
        owner = self.find_other_input(number, exchange)
        if owner is not None:
            return f"it got the answer to another request (input {owner} for input {number})"
        content = exchange.content
        change = compare_contents(self.contents[number], content)
        if change is None or not self.is_repeatable() or number in self.list_marks(content):
            return ""
        if self.may_reword and isinstance(content, str):
            return ""
        return f"its answer differs from that to the plain request: {change}"

    def judge_last_request(self, after: Exchange, show: Show) -> Case:
        """The first input once more, after all other requests, as a case."""
        change = self.find_change(after)
        if change:
            change = f"afterwards a valid request gets another answer: {change}"
        return judge_last_request(after, show, "afterwards a valid request is not answered", change)
