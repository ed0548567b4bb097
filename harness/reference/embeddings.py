"""OpenAI's embeddings: hashed n-grams of characters, so that texts that share words are near each other."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.reference.api_error import ApiError
from harness.reference.request_body import kind_of, read_object
from harness.reference.service import Service
from harness.reference.settings import EMBEDDING_MODEL

DIMENSION = 64
_GRAMS = (2, 3, 4)
_PER_TOKEN = 4
"""Characters in a token, for the usage."""
_MOST_CHARACTERS = 8192


def embed_texts(texts: Sequence[str], dimension: int = DIMENSION) -> NDArray[np.float32]:
    """One vector of length 1 for each text, (n, dimension): signed counts of its n-grams, hashed (Weinberger 2009).

    Fewer dimensions are the first ones, made to length 1 again. The text's frame is part of it, so that no text is
    without n-grams.
    """
    found = np.zeros((len(texts), DIMENSION))
    for row, text in zip(found, texts, strict=True):
        framed = f"\x02{text}\x03".encode("utf-8", "replace")
        for size in _GRAMS:
            for start in range(len(framed) - size + 1):
                number = zlib.crc32(framed[start : start + size], size)
                row[number % DIMENSION] += 1.0 if number & 0x8000_0000 else -1.0
        row[zlib.crc32(framed) % dimension] += 0.5  # counts alone may cancel out
    found = found[:, :dimension]
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


class Embeddings:
    """The routes of OpenAI's embeddings over one service; the list of models names the chat model only."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.routes = [
            Route("/v1/embeddings", self.create, methods=["POST"]),
            Route(f"/v1/models/{EMBEDDING_MODEL}", self.model),
        ]

    async def model(self, request: Request) -> Response:
        """The card of the model."""
        card = {"id": EMBEDDING_MODEL, "object": "model", "created": self.service.started, "owned_by": "reference"}
        return JSONResponse(card)

    async def create(self, request: Request) -> Response:
        """One vector for each text, in the order of the texts, as floats or base64."""
        body = await read_object(request, self.service.settings)
        texts = _texts(body, self.service.settings.max_rows)
        encoded = _encoding(body) == "base64"
        dimension = _dimension(body.get("dimensions"))
        await self.service.think()
        counters = self.service.counters
        counters.predictions += 1
        counters.rows += len(texts)
        vectors = embed_texts(texts, dimension)
        data = [
            {"object": "embedding", "index": index, "embedding": _base64(vector) if encoded else vector.tolist()}
            for index, vector in enumerate(vectors)
        ]
        tokens = sum(1 + len(text) // _PER_TOKEN for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": EMBEDDING_MODEL, "usage": usage})


def _base64(vector: NDArray[np.float32]) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


def _texts(body: Mapping[str, Any], most: int) -> list[str]:
    """The texts. Raises `ApiError` 404 for another model, 413 for too many, 400 for all else that is wrong."""
    model = body.get("model")
    if not isinstance(model, str):
        raise _refusal("model", f"must be a string, the name of a model, not {kind_of(model)}")
    if model != EMBEDDING_MODEL:
        raise ApiError(404, "the model does not exist, or makes no embeddings", "model_not_found", param="model")
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        what = "is empty" if texts == [] else f"must be a text or an array of texts, not {kind_of(given)}"
        raise _refusal("input", what)
    if len(texts) > most:
        raise ApiError(413, f"{len(texts)} texts in one request; at most {most}", "too_large", param="input")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise _refusal(f"input[{index}]", f"must be a text, not {kind_of(text)}")
        if not text:
            raise _refusal(f"input[{index}]", "is an empty text")
        if len(text) > _MOST_CHARACTERS:
            raise _refusal(f"input[{index}]", f"has {len(text)} characters; at most {_MOST_CHARACTERS}")
    return texts


def _encoding(body: Mapping[str, Any]) -> str:
    value = body.get("encoding_format")
    if value not in (None, "float", "base64"):
        raise _refusal("encoding_format", "must be float or base64")
    return value or "float"


def _dimension(value: Any) -> int:
    if value is None:
        return DIMENSION
    if type(value) is not int or not 1 <= value <= DIMENSION:
        raise _refusal("dimensions", f"must be a whole number from 1 to {DIMENSION}")
    return value


def _refusal(param: str, what: str) -> ApiError:
    return ApiError(400, f"{param} {what}", "invalid_value", param=param)
