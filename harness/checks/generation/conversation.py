"""What a conversation says reaches the model: each message adds prompt tokens, and what it states can be asked for.

Tested in tests/suites/integration/test_conversation.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from harness.checks.common import Show, find_failed, is_clear_refusal, judge
from harness.checks.generation.text_cases import count_added_tokens, is_unknown_form, judge_exchange, name_refused
from harness.checks.generation.thinking import explain_no_text
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Status, Verdict, judge_contract, make_inconclusive
from harness.stats.chance import count_telling_pairs

MOST_TRIALS = count_telling_pairs(15)
"""How often a message that seems lost is sent, each time with another number; fifteen kinds share the false alarms."""
_LEAST_COUNTED = 10
"""Prompt tokens that the text adds as a plain message, so that a part which adds less than half of them is lost."""
_LEAST_HIDDEN = 8
"""Prompt tokens beyond which the absence of a system message adds more than an empty one could take."""


@dataclass(frozen=True, slots=True)
class MessageTrial:
    """The answers to a conversation in which a message states `code`, to the same one where the message is absent or
    empty, and to one in which a plain message of the user states it. The last message asks for the code, unless that is
    the result of a tool (not `is_asked_last`): what a model says to it is its own affair, only counts show a loss. The
    text that states the code has so many `words`."""

    code: str
    stated: Exchange
    silent: Exchange
    control: Exchange
    is_asked_last: bool = True
    words: int = 0

    @property
    def is_refused(self) -> bool:
        """Whether the service does not know such a message."""
        return is_unknown_form(self.stated)

    @property
    def is_known(self) -> bool:
        """Whether the answer, or the thinking before it, states the code."""
        answer = self.stated.answer
        return answer is not None and self.code in f"{answer.text} {answer.reasoning}"

    @property
    def control_knows(self) -> bool:
        """Whether it does where a plain message states it, asked likewise, and this answer has a text too."""
        return self.is_asked_last and self.code in self.control.text and not explain_no_text(self.stated)

    @property
    def extra_tokens(self) -> int | None:
        """The prompt tokens that the message adds; None: not stated."""
        return count_added_tokens(self.stated, self.silent)

    @property
    def is_counted(self) -> bool | None:
        """Whether the message adds at least half of the tokens of a plain one; None: the counts do not show it.

        A call of a tool takes many tokens without its arguments: there a token for every second of their words counts.
        """
        plain = count_added_tokens(self.control, self.silent)
        if self.extra_tokens is None or plain is None:
            return None
        if plain < _LEAST_COUNTED:
            return True if self.words and 2 * self.extra_tokens >= self.words else None
        return 2 * self.extra_tokens >= plain

    @property
    def is_missing(self) -> bool:
        """Whether the message adds so few tokens that its words are not among them, where counts follow the prompt."""
        return self.extra_tokens is not None and 4 * self.extra_tokens < self.words

    @property
    def is_clear(self) -> bool:
        """Whether another trial could show nothing else: a server error may be a stray one."""
        if self.is_refused:
            return is_clear_refusal(self.stated)
        if self.is_known or not self.stated.ok:
            return True
        return not self.control_knows and self.is_counted is not False and not self.is_missing


def _explain_uncounted(*exchanges: Exchange) -> str:
    failed = find_failed(exchanges)
    return failed.outcome if failed else "the prompt tokens that are stated do not follow the prompt"


@judge
def judge_messages(
    trials: Mapping[str, Sequence[MessageTrial]],
    show: Show,
    overlooked: Collection[str] = (),
    more_cases: Sequence[Case] = (),
) -> Verdict:
    """Each kind of message, by its name, is refused or reaches the model: it is counted, or what it states is known.

    What it states is judged where the model knows it from a plain message of the user. It is lost if no trial shows it.
    Models may overlook what stands in the kinds that are `overlooked`: those are lost only if they are not counted.
    `more_cases` are judged already.
    """
    cases, counted, known = [], 0, 0
    refused: dict[str, Exchange] = {}
    counts_follow = any(tried[-1].is_counted for tried in trials.values())
    for name, tried in trials.items():
        case = _judge_message(name, tried, show, may_overlook=name in overlooked, counts_follow=counts_follow)
        cases.append(case)
        if _is_refused(tried):
            refused[name] = tried[-1].stated
        else:
            counted += bool(tried[-1].is_counted)
            known += tried[-1].is_known
    if refused and len(refused) == len(cases):
        return make_inconclusive(f"every kind of message is refused: {next(iter(refused.values())).outcome}", n=0)
    holds = f"each of {len(cases) - len(refused)} kinds of message reaches the model"
    holds += f": for {counted} kinds the stated prompt tokens show it, for {known} the answer does"
    return judge_contract([*cases, *more_cases], name_refused(holds, refused))


def _is_refused(trials: Sequence[MessageTrial]) -> bool:
    return all(trial.is_refused for trial in trials)


@judge
def judge_unknown_messages(trials: Mapping[str, Sequence[MessageTrial]], show: Show) -> Verdict:
    """A kind of message that the service does not take is refused with a 4xx, and not by a server error."""
    cases = []
    refused: dict[str, Exchange] = {}
    for name, tried in trials.items():
        last, example = tried[-1].stated, None
        if _is_refused(tried) and is_clear_refusal(last):
            refused[name] = last
        elif _is_refused(tried):
            example = show(f"{name} is not refused with a 4xx, but by a server error: {last.outcome}", last)
        is_judged = last.ok or _is_refused(tried)
        cases.append(Case(name, example, unjudged="" if is_judged else last.outcome))
    holds = f"each of {len(cases) - len(refused)} kinds of message is answered"
    return judge_contract(cases, name_refused(holds, refused))


def _judge_message(
    name: str, trials: Sequence[MessageTrial], show: Show, *, may_overlook: bool, counts_follow: bool
) -> Case:
    last, is_refused = trials[-1], _is_refused(trials)
    if not (is_refused or last.stated.ok):
        return judge_exchange(name, last.stated, lambda answer: None, show)
    if is_refused or any(trial.is_known for trial in trials):
        return Case(name)
    if sign := _find_loss(trials, may_overlook=may_overlook, counts_follow=counts_follow):
        return Case(name, show(f"what stands in {name} does not reach the model: {sign}", last.stated))
    if last.is_counted:
        return Case(name)
    return Case(name, unjudged="no prompt tokens are stated, and the model does not say what stands there")


def _find_loss(trials: Sequence[MessageTrial], *, may_overlook: bool, counts_follow: bool) -> str:
    """What shows that a message did not reach the model; empty if nothing does.

    `counts_follow`: those of other messages show that the stated prompt tokens follow the prompt.
    """
    last = trials[-1]
    is_uncounted = all(trial.is_counted is False for trial in trials)
    is_unknown = all(trial.control_knows for trial in trials) and len(trials) == MOST_TRIALS
    if is_unknown and (is_uncounted or not may_overlook):
        added = f"; it adds {last.extra_tokens} prompt tokens" if last.extra_tokens is not None else ""
        lost = f"a number there is known in none of {len(trials)} answers"
        return f"{lost}, and each time from a plain message of the user{added}"
    if is_uncounted:
        plain = count_added_tokens(last.control, last.silent)
        return f"it adds {last.extra_tokens} prompt tokens, and a plain message of the user with the same text {plain}"
    if counts_follow and len(trials) == MOST_TRIALS and all(trial.is_missing for trial in trials):
        return f"its {last.words} words add {last.extra_tokens} prompt tokens, and those of other messages are counted"
    return ""


@dataclass(frozen=True, slots=True)
class ReasoningTrial:
    """The answers to a conversation whose earlier answer has reasoning under each name, to the one without it, and to
    one in which a message has the same text."""

    silent: Exchange
    control: Exchange
    by_name: Mapping[str, Exchange]
    text: str

    @property
    def least(self) -> int:
        """The prompt tokens that the text adds at least."""
        return len(self.text.split()) // 2

    def list_read(self) -> list[str]:
        """The names under which the reasoning adds prompt tokens: at least one for every second word."""
        names = []
        for name, exchange in self.by_name.items():
            if exchange.ok and (count_added_tokens(exchange, self.silent) or 0) >= self.least:
                names.append(name)
        return names

    @property
    def unread_name(self) -> str | None:
        """The name under which it is accepted and adds nothing, although it does under another."""
        read = self.list_read()
        for name, exchange in self.by_name.items():
            if read and exchange.ok and name not in read:
                return name
        return None


@judge
def judge_earlier_reasoning(trials: Sequence[ReasoningTrial], show: Show) -> Verdict:
    """Reasoning of an earlier answer is read under all names that are accepted, or under none; confirmed by trials."""
    last = trials[-1]
    accepted = [name for name, exchange in last.by_name.items() if exchange.ok]
    if len(accepted) < 2 or (count_added_tokens(last.control, last.silent) or 0) < last.least:
        why = _explain_uncounted(last.silent, last.control, *last.by_name.values())
        return make_inconclusive(f"earlier reasoning is not accepted under two names whose tokens count: {why}", n=0)
    lost = {trial.unread_name for trial in trials}
    example = None
    if None not in lost and len(lost) == 1 and len(trials) == MOST_TRIALS:
        name, read = str(last.unread_name), ", ".join(last.list_read())
        why = f"earlier reasoning under the name {name!r} does not reach the model, and does under {read!r}"
        example = show(why, last.by_name[name])
    holds = f"earlier reasoning is read under {' and '.join(last.list_read())} alike"
    if not last.list_read():
        holds = f"earlier reasoning is left out alike under {' and '.join(accepted)}, as many templates do"
    unjudged = "" if example or last.unread_name is None else "it is read under one name in some conversations only"
    return judge_contract([Case("earlier reasoning", example, unjudged)], holds)


@judge
def judge_hidden_prompt(absent: Exchange, empty: Exchange, control: Exchange, show: Show) -> Verdict:
    """A request without a system message counts about as many prompt tokens as one with an empty one.

    `control` has a system message of more than ten words, which must count more than the empty one.
    """
    hidden, plain = count_added_tokens(absent, empty), count_added_tokens(control, empty)
    if hidden is None or plain is None or plain < _LEAST_COUNTED:
        why = _explain_uncounted(absent, empty, control)
        return make_inconclusive(f"whether there is a hidden prompt is not seen: {why}", n=0)
    if hidden > _LEAST_HIDDEN:
        reason = f"a request without a system message counts {hidden} prompt tokens more than one with an empty one"
        reason += f": a hidden prompt of about {hidden} tokens is put before it"
        return Verdict(Status.FAIL, reason, n=1, counterexamples=(show(reason, absent),))
    return Verdict(Status.PASS, f"no hidden prompt shows: without a system message {-hidden} tokens fewer", n=1)
