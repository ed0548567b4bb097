from __future__ import annotations

import base64
from typing import Any

import httpx
import numpy as np
import pytest

from harness.reference.embeddings import embed_texts

PATH = "/v1/embeddings"
TEXTS = ["The red fox is behind the barn.", "The red fox is in the garden.", "Rates rose again, and banks followed."]


def vectors(client: httpx.Client, **body: Any) -> np.ndarray:
    answer = client.post(PATH, json={"model": "tiny-embed", **body})
    assert answer.status_code == 200, answer.text
    data = answer.json()
    assert [item["index"] for item in data["data"]] == list(range(len(data["data"])))
    return np.array([item["embedding"] for item in data["data"]])


def test_each_text_has_its_own_vector_alone_and_in_any_batch(client: httpx.Client) -> None:
    together = vectors(client, input=TEXTS)
    assert together.shape == (3, 64)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_array_equal(vectors(client, input=text)[0], vector)
    near, far = together[0] @ together[1], together[0] @ together[2]
    assert far < near < 0.99


def test_short_and_strange_texts_have_vectors() -> None:
    texts = ["a", "b", " ", "  ", "\x00", "é", "e\u0301", "\U0001f642", "a" * 8000]
    vectors = embed_texts(texts)
    assert np.isfinite(vectors).all()
    assert len({tuple(row) for row in vectors}) == len(texts)
    for dimension in (1, 2, 63):
        np.testing.assert_allclose(np.linalg.norm(embed_texts(texts, dimension), axis=1), 1, atol=1e-6)


def test_base64_and_fewer_dimensions(client: httpx.Client) -> None:
    body = {"model": "tiny-embed", "input": TEXTS[0], "encoding_format": "base64"}
    (entry,) = client.post(PATH, json=body).json()["data"]
    whole = vectors(client, input=TEXTS[0])[0]
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(entry["embedding"]), "<f4"), whole.astype("<f4"))
    short = vectors(client, input=TEXTS[0], dimensions=63)[0]
    assert short.shape == (63,)
    np.testing.assert_allclose(np.linalg.norm(short), 1, atol=1e-6)


def test_usage_and_the_card(client: httpx.Client) -> None:
    answer = client.post(PATH, json={"model": "tiny-embed", "input": ["abcd", "a"]}).json()
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert answer["model"] == client.get("/v1/models/tiny-embed").json()["id"] == "tiny-embed"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"input": "a"}, 400, "model"),
        ({"model": "tiny-chat", "input": "a"}, 404, "model"),
        ({"model": "tiny-embed"}, 400, "input"),
        ({"model": "tiny-embed", "input": []}, 400, "input"),
        ({"model": "tiny-embed", "input": 5}, 400, "input"),
        ({"model": "tiny-embed", "input": ["a", 5]}, 400, "input[1]"),
        ({"model": "tiny-embed", "input": ["a", ""]}, 400, "input[1]"),
        ({"model": "tiny-embed", "input": "a" * 8193}, 400, "input"),
        ({"model": "tiny-embed", "input": ["a"] * 1025}, 413, "input"),
        ({"model": "tiny-embed", "input": "a", "dimensions": 65}, 400, "dimensions"),
        ({"model": "tiny-embed", "input": "a", "dimensions": True}, 400, "dimensions"),
        ({"model": "tiny-embed", "input": "a", "encoding_format": "xml"}, 400, "encoding_format"),
        ({"model": "tiny-embed", "input": "a", "encoding_format": []}, 400, "encoding_format"),
    ],
)
def test_what_is_wrong_is_refused(client: httpx.Client, body: dict[str, Any], status: int, param: str) -> None:
    answer = client.post(PATH, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
