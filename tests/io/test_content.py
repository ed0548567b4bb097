"""Content codings are undone in bounds of memory, whatever is packed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from harness.core.errors import ErrorClass, TransportError
from harness.io.content import Inflater


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_never_expands_past_the_bound(coding: str) -> None:
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16 if coding == "gzip" else zlib.MAX_WBITS)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    inflater = Inflater(coding, 10_000)
    tracemalloc.start()
    try:
        with pytest.raises(TransportError, match="over the cap of 10000") as caught:
            inflater.feed(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.error is ErrorClass.TOO_LARGE
    assert peak < 1_000_000


def test_exactly_the_bound_is_taken_in() -> None:
    inflater = Inflater("gzip", 1000)
    assert inflater.feed(gzip.compress(bytes(1000))) == bytes(1000)
    inflater.finish()


@pytest.mark.parametrize("coding", ["", "identity", "Identity, ", "X-GZIP", " gzip , identity"])
def test_names_of_codings(coding: str) -> None:
    body = gzip.compress(b"text") if "gzip" in coding.lower() else b"text"
    assert Inflater(coding, 100).feed(body) == b"text"


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_codings_that_were_not_offered(coding: str) -> None:
    with pytest.raises(TransportError, match="offered were gzip, deflate") as caught:
        Inflater(coding, 100)
    assert caught.value.error is ErrorClass.CONTENT_DECODING


def test_bytes_after_the_end() -> None:
    for coding, packed in (("gzip", gzip.compress(b"x")), ("deflate", zlib.compress(b"x"))):
        with pytest.raises(TransportError) as caught:
            Inflater(coding, 100).feed(packed + b"more")
        assert caught.value.error is ErrorClass.CONTENT_DECODING


def test_an_empty_body_needs_no_coding() -> None:
    Inflater("gzip", 100).finish()
