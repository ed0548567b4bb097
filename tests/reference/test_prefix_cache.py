from __future__ import annotations

from harness.reference.prefix_cache import BLOCK, PrefixCache


def test_whole_blocks_of_the_common_beginning_are_cached() -> None:
    cache = PrefixCache()
    tokens = [str(i) for i in range(10 * BLOCK)]
    assert cache.read(tokens) == 0
    assert cache.read([*tokens, "more"]) == 9 * BLOCK, "the last token was read, and its block not kept"
    assert cache.read([*tokens, "more"]) == 10 * BLOCK
    assert cache.read([*tokens[: 5 * BLOCK + 3], "other", *tokens]) == 5 * BLOCK
    assert cache.read(["first", *tokens]) == 0


def test_what_was_not_used_for_the_longest_time_goes_first() -> None:
    cache = PrefixCache()
    old, used = [[name] * (2 * BLOCK + 1) for name in ("old", "used")]
    cache.read(old)
    cache.read(used)
    for number in range(20_000 - 3):
        cache.read([str(number)] * (BLOCK + 1))
        if number % 100 == 0:
            cache.read(used)
    assert cache.read(used) == 2 * BLOCK
    assert cache.read(old) < 2 * BLOCK


def test_each_caller_has_a_cache_of_its_own() -> None:
    cache, tokens = PrefixCache(), ["a"] * (BLOCK * 3)
    assert cache.read(tokens, "one") == 0
    assert cache.read(tokens, "two") == 0
    assert cache.read(tokens, "one") == cache.read(tokens, "two") == BLOCK * 2
