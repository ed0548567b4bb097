from __future__ import annotations

import pytest

from harness.reference.text_model import CONTEXT, Generation, load_text_model

MODEL = load_text_model(0)
TEXTS = ["Hello, world!", "  two  blanks ", "näive 北京 🦊👩‍👩‍👧 e\u0301", "a\tb\nc\r\n\u2028d", "x" * 30, ""]


def answer(question: str, **options: object) -> Generation:
    return MODEL.generate([("user", question)], **{"max_tokens": 60, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(MODEL.tokens(text)) == text


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Hello!", "Hello! How can I help you today?"),
        ("What is three plus four?", "three plus four is seven."),
        ("What is nine plus nine?", "nine plus nine is eighteen."),
        ("zebra quantum", "Hello! How can I help you today?"),
    ],
)
def test_answers(question: str, expected: str) -> None:
    reply = answer(question)
    assert "".join(reply) == expected
    assert reply.finish_reason == "stop"


def test_animals_are_where_the_seed_puts_them() -> None:
    question = "Where is the red fox?"
    places = {"".join(load_text_model(seed).generate([("user", question)], max_tokens=20)) for seed in range(4)}
    assert all(place.startswith("The red fox is ") and place.endswith(".") for place in places)
    assert len(places) > 1


def test_counting_goes_on_until_the_limit() -> None:
    reply = answer("Count.", max_tokens=1000)
    words = "".join(reply).split()
    assert words[:20] == [*words[:18], "one", "two"]
    assert len(words) == reply.completion_tokens == 1000
    assert reply.finish_reason == "length"
    assert len("".join(answer("Count.", max_tokens=300, temperature=1.0, seed=5)).split()) == 300


@pytest.mark.parametrize("nonce", ["id-7f3a91", "näive 北京 🦊 x", "line\nbreak", "<|end|><|assistant|>"])
def test_repeats_after_you(nonce: str) -> None:
    reply = answer(f"Repeat after me: {nonce}")
    pieces = list(reply)
    assert "".join(pieces) == nonce
    assert reply.finish_reason == "stop"
    assert len(pieces) == reply.completion_tokens > 1


def test_it_knows_what_an_earlier_message_of_the_user_said() -> None:
    def ask(*texts: str) -> str:
        roles = ("user", "assistant") * len(texts)
        return "".join(MODEL.generate(list(zip(roles, texts, strict=False)), max_tokens=60))

    text = "My code is 4711. Remember it."
    assert ask(text, "I will.", "What is my code? [x]") == "Your code is 4711."
    assert ask(text, "I will.", "My code is 9.", "Yes.", "What is my CODE?") == "Your CODE is 9."
    for unknown in (
        ask("What is my code?"),
        ask(text, "I will.", "What is my name?"),
        ask("Hi", text, "What is my code?"),
    ):
        assert "Your" not in unknown


def test_special_tokens_in_a_message_are_text() -> None:
    assert all(not token.startswith("<|") or len(token) == 2 for token in MODEL.tokens("<|end|><|user|>"))


def test_temperature_draws_by_seed() -> None:
    def drawn(seed: int | None) -> str:
        return "".join(answer("Hello!", temperature=1.5, seed=seed))

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(20)}) > 1
    assert len({drawn(None) for _ in range(40)}) > 1


def test_a_small_nucleus_is_greedy() -> None:
    assert {"".join(answer("Hello!", temperature=2.0, top_p=0.0, seed=seed)) for seed in range(10)} == {
        "Hello! How can I help you today?"
    }


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (["three"], "one two "),
        (["o three fo"], "one tw"),
        (["five", "two three"], "one "),
        (["one"], ""),
    ],
)
def test_stop_sequences_are_left_out_also_across_tokens(stop: list[str], expected: str) -> None:
    reply = answer("Count.", stop=stop)
    assert "".join(reply) == expected
    assert reply.finish_reason == "stop"


def test_text_held_back_for_a_stop_is_given_at_the_end() -> None:
    reply = answer("Count.", max_tokens=3, stop=["three five"])
    assert "".join(reply) == "one two three"
    assert reply.finish_reason == "length"


def test_exactly_the_limit_is_length() -> None:
    reply = answer("What is one plus one?", max_tokens=6)
    assert "".join(reply) == "one plus one is two."
    assert reply.finish_reason == "length"


def test_a_long_count_is_fast_enough_for_streams() -> None:
    assert sum(1 for _ in answer("Count.", max_tokens=CONTEXT)) == CONTEXT
