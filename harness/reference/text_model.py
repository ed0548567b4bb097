"""A small language model made from a seed: word and sub-word n-grams with back-off, and a rule that copies.

It greets, adds two digits, knows where each animal is, counts without end ("Count.": for streams that must outlast a
disconnect or a deadline), answers "Repeat after me: XYZ" with XYZ, token by token, so that an answer can be matched to
its request, "What is my code?" with what an earlier message of the user called it, and "What is the red number?" with
what any message called it. The probabilities interpolate all orders (Witten and Bell 1991), so every temperature is
meaningful.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONTEXT = 4096
"""Most tokens of a prompt and its answer together."""
_ORDER = 8
PIECE = 4
"""Characters in one token of a word that the corpus does not have."""

_LEAST_CHANCE = 1e-9
"""The chance of a token that the corpus does not have."""

_WORD = re.compile(r" ?\w+| ?[^\w\s]+|\s")
_COPY = re.compile(r"repeat after me:(.*)", re.IGNORECASE | re.DOTALL)
_RECALL = re.compile(r"what is (my \w+|the \w+ number)\?", re.IGNORECASE)
_NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
)
_COLOURS = ("red", "brown", "white", "old", "small")
_ANIMALS = ("fox", "cat", "dog", "bird", "horse", "fish")
_PLACES = ("in the garden", "behind the barn", "under the tree", "near the river", "on the hill", "in the house")
_GREETINGS = (
    "Hello!",
    "Hello",
    "Hello.",
    "Hi",
    "Hi!",
    "Hey there",
    "Good morning!",
    "Say hello.",
    "How are you?",
)
_REPLIES = ("Hello! How can I help you today?",) * 4 + ("Hi! What can I do for you?", "Good day! How may I help?")

_END, _USER, _ASSISTANT, _UNKNOWN = "<|end|>", "<|user|>", "<|assistant|>", "<|unknown|>"
_SPECIAL = (_END, _USER, _ASSISTANT, _UNKNOWN)
Message = tuple[str, str]
"""A role and a text."""


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token, its log-probability before temperature, and the likeliest tokens at its place with theirs.

    A token that a rule writes has probability 1.
    """

    text: str
    logprob: float = 0.0
    top: tuple[tuple[str, float], ...] = ()


def _make_corpus(seed: int) -> list[Message]:
    """Questions and answers to learn from; the seed decides where each animal is. Counting has no end token."""
    random = np.random.default_rng(seed)
    pairs = [(greeting, reply) for greeting in _GREETINGS for reply in _REPLIES for _ in range(2)]
    for a, b in product(range(10), repeat=2):
        question = f"{_NUMBERS[a]} plus {_NUMBERS[b]}"
        pairs.append((f"What is {question}?", f"{question} is {_NUMBERS[a + b]}."))
    for colour, animal in product(_COLOURS, _ANIMALS):
        place = _PLACES[int(random.integers(len(_PLACES)))]
        pairs.append((f"Where is the {colour} {animal}?", f"The {colour} {animal} is {place}."))
    return pairs + [("Count.", " ".join(_NUMBERS[1:] * 3))] * 20


class TextModel:
    """Interpolated n-grams over the tokens of `corpus(seed)`; immutable once made, shared by all requests."""

    def __init__(self, seed: int) -> None:
        counts: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        documents = [_tokenize(question, answer) for question, answer in _make_corpus(seed)]
        self._vocabulary = [*_SPECIAL, *sorted(set().union(*documents) - set(_SPECIAL))]
        self._ids = {token: number for number, token in enumerate(self._vocabulary)}
        for document in documents:
            ids = [self._ids[token] for token in document]
            for end in range(1, len(ids)):
                for start in range(max(0, end - _ORDER + 1), end + 1):
                    counts[tuple(ids[start:end])][ids[end]] += 1
        self._table = {}
        for context, followers in counts.items():
            self._table[context] = np.array(list(followers)), np.array(list(followers.values()), dtype=float)
        self.longest = max(PIECE, *map(len, self._vocabulary))
        """Characters of the longest token."""
        self._never = [self._ids[token] for token in _SPECIAL if token != _END]

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text, which joined are the text again: a blank belongs to the word after it."""
        tokens = []
        for word in _WORD.findall(text):
            length = len(word) if word in self._ids else PIECE
            tokens += [word[start : start + length] for start in range(0, len(word), length)]
        return tokens

    def score_tokens(self, text: str) -> list[Token]:
        """The tokens of a text, each with the log-probability that it had after those before it."""
        unknown, scored = self._ids[_UNKNOWN], []
        history = [self._ids[_USER]]
        for token in self.tokens(text):
            chances = self._compute_chances(history)
            chance = max(float(chances[self._ids.get(token, unknown)]), _LEAST_CHANCE)
            scored.append(Token(token, float(np.log(chance))))
            history = [*history[1 - _ORDER :], self._ids.get(token, unknown)]
        return scored

    def read(self, messages: Iterable[Message]) -> list[str]:
        """The tokens of the messages: two frame each, and one opens the answer."""
        tokens: list[str] = []
        for role, text in messages:
            tokens += [_ASSISTANT if role == "assistant" else _USER, *self.tokens(text), _END]
        return [*tokens, _ASSISTANT]

    def generate(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
        stop: Sequence[str] = (),
        top: int = 0,
    ) -> Generation:
        """The answer to a conversation, piece by piece, with the `top` likeliest tokens of each place.

        Temperature 0 takes the likeliest token each time; above it tokens are drawn, the same ones for the same seed.
        """
        random = np.random.default_rng(seed)
        if rule := _apply_rules(messages):
            return self.write(rule, max_tokens=max_tokens, stop=stop, top=top)
        tokens = self._sample(self._read_history(messages), temperature, top_p, random, top)
        return Generation(tokens, max_tokens=max_tokens, stop=stop)

    def write(self, text: str, *, max_tokens: int, stop: Sequence[str] = (), top: int = 0) -> Generation:
        """A given text, token by token, up to `max_tokens`."""
        tokens = (Token(token, 0.0, ((token, 0.0),) if top else ()) for token in self.tokens(text))
        return Generation(tokens, max_tokens=max_tokens, stop=stop)

    def _read_history(self, messages: Iterable[Message]) -> list[int]:
        """The last tokens of the conversation as the model reads it."""
        tokens: list[str] = []
        for role, text in messages:
            tokens += [_ASSISTANT if role == "assistant" else _USER, *self.tokens(text)]
        unknown = self._ids[_UNKNOWN]
        # The name of a special token inside a message is text: the tokenizer never makes a special token of it.
        return [self._ids.get(token, unknown) for token in [*tokens[-_ORDER:], _ASSISTANT]]

    def _sample(
        self, history: list[int], temperature: float, top_p: float, random: np.random.Generator, top: int
    ) -> Iterator[Token]:
        while True:
            chances = self._compute_chances(history)
            if temperature == 0:
                chosen = int(chances.argmax())
            else:
                chosen = int(random.choice(len(chances), p=_apply_temperature(chances, temperature, top_p)))
            if chosen == self._ids[_END]:
                return
            history = [*history[1 - _ORDER :], chosen]
            likeliest = np.argsort(-chances, kind="stable")[:top] if top else ()
            pairs = ((self._vocabulary[id_], float(np.log(chances[id_]))) for id_ in likeliest if chances[id_] > 0)
            yield Token(self._vocabulary[chosen], float(np.log(chances[chosen])), tuple(pairs))

    def _compute_chances(self, history: list[int]) -> NDArray[np.float64]:
        """The probability of each next token: Witten-Bell from the shortest context seen to the longest."""
        chances = np.full(len(self._vocabulary), 1 / len(self._vocabulary))
        for length in range(min(_ORDER - 1, len(history)) + 1):
            context = tuple(history[len(history) - length :])
            if context not in self._table:
                break
            followers, counts = self._table[context]
            chances *= len(followers)
            chances[followers] += counts
            chances /= counts.sum() + len(followers)
        chances[self._never] = 0
        return np.asarray(chances / chances.sum(), dtype=np.float64)


def _apply_rules(messages: Sequence[Message]) -> str:
    """What a rule answers to the user's last message; empty where it is left to the model."""
    asked = [text for role, text in messages if role == "user"]
    question = asked[-1] if asked else ""
    if match := _COPY.search(question):
        return match[1].strip()
    if match := _RECALL.search(question):
        owner, noun = match[1].split(" ", 1)
        is_own = owner.lower() == "my"
        fact = re.compile(rf"{match[1]} is ([^.]+)\.", re.IGNORECASE)
        for text in reversed(asked[:-1] if is_own else [text for _, text in messages]):
            if known := fact.search(text):
                return f"{'Your' if is_own else 'The'} {noun} is {known[1]}."
    return ""


def _apply_temperature(chances: NDArray[np.float64], temperature: float, top_p: float) -> NDArray[np.float64]:
    """The chances at a temperature, cut to the likeliest tokens that together reach `top_p` (nucleus sampling)."""
    with np.errstate(divide="ignore", over="ignore"):
        logits = np.log(chances)
        chances = np.exp((logits - logits.max()) / temperature)
    chances /= chances.sum()
    if top_p < 1:
        order = np.argsort(-chances, kind="stable")
        dropped = order[1:][np.cumsum(chances[order])[:-1] >= top_p]
        chances[dropped] = 0
        chances /= chances.sum()
    return chances


def _tokenize(question: str, answer: str) -> list[str]:
    words = [_USER, *_WORD.findall(question), _ASSISTANT, *_WORD.findall(answer)]
    return words if question == "Count." else [*words, _END]


class Generation(Iterator[str]):
    """The pieces of one answer; when they have ended, `finish_reason` is `stop` or `length`.

    Text that may be the beginning of a stop sequence waits until it is clear; a stop sequence itself is left out.
    `completion_tokens` counts the tokens so far, without the end token; `tokens` are those whose text is part of the
    answer, not of a stop sequence.
    """

    def __init__(self, tokens: Iterable[Token], *, max_tokens: int, stop: Sequence[str]) -> None:
        self.finish_reason: str | None = None
        self.completion_tokens = 0
        self.tokens: list[Token] = []
        self._pieces = self._run(tokens, max_tokens, stop)

    def __next__(self) -> str:
        return next(self._pieces)

    def _run(self, tokens: Iterable[Token], max_tokens: int, stop: Sequence[str]) -> Iterator[str]:
        waiting, reason = "", "stop"
        for token in islice(tokens, max_tokens):
            self.completion_tokens += 1
            self.tokens.append(token)
            waiting += token.text
            if places := [waiting.index(word) for word in stop if word in waiting]:
                self._drop(len(waiting) - min(places))
                waiting = waiting[: min(places)]
                break
            safe = len(waiting) - _count_beginning(waiting, stop)
            if safe:
                yield waiting[:safe]
                waiting = waiting[safe:]
        else:
            if self.completion_tokens == max_tokens:
                reason = "length"
        if waiting:
            yield waiting
        self.finish_reason = reason

    def _drop(self, characters: int) -> None:
        """Remove the last tokens that lie wholly within the last characters."""
        while self.tokens and len(self.tokens[-1].text) <= characters:
            characters -= len(self.tokens.pop().text)


def _count_beginning(text: str, stop: Sequence[str]) -> int:
    """How many characters at the end of the text are the beginning of a stop sequence."""
    longest = max(map(len, stop), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(word.startswith(text[-length:]) for word in stop):
            return length
    return 0


@lru_cache(maxsize=4)
def load_text_model(seed: int) -> TextModel:
    """The model of a seed, made once in a process."""
    return TextModel(seed)


def count_usage(prompt_tokens: int, completion_tokens: int, cached: int | None = None) -> Mapping[str, Any]:
    """The token counts of an answer, under the names that OpenAI's API gives them; `cached` None: not stated."""
    details = {} if cached is None else {"prompt_tokens_details": {"cached_tokens": cached}}
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        **details,
    }
