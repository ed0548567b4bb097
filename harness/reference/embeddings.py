"""OpenAI's embeddings: hashed n-grams of characters, so that texts that share words are near each other."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.reference.api_error import ApiError
from harness.reference.request_body import convert, read_object
from harness.reference.service import Service
from harness.reference.settings import EMBEDDING_MODEL

DIMENSION = 64
_GRAMS = (2, 3, 4)
_PER_TOKEN = 4
"""Characters in a token, for the usage."""
_MOST_CHARACTERS = 8192


def embed_texts(texts: Sequence[str], dimension: int = DIMENSION) -> NDArray[np.float32]:
    """One vector of length 1 for each text, (n, dimension): signed counts of its n-grams, hashed (Weinberger 2009).

    Fewer dimensions are the first ones, scaled to length 1 again. The text is framed, so that every text has n-grams.
    """
    counts = np.zeros((len(texts), DIMENSION))
    for row, text in zip(counts, texts, strict=True):
        framed = f"\x02{text}\x03".encode("utf-8", "replace")
        for size in _GRAMS:
            for start in range(len(framed) - size + 1):
                number = zlib.crc32(framed[start : start + size], size)
                row[number % DIMENSION] += 1.0 if number & 0x8000_0000 else -1.0
        row[zlib.crc32(framed) % dimension] += 0.5  # counts alone may cancel out
    counts = counts[:, :dimension]
    return np.asarray(counts / np.linalg.norm(counts, axis=1, keepdims=True), dtype=np.float32)


_InputText = Annotated[str, Meta(min_length=1, max_length=_MOST_CHARACTERS)]


class _Body(Struct):
    model: str
    input: _InputText | Annotated[list[_InputText], Meta(min_length=1)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=DIMENSION)] | None = None


class Embeddings:
    """The routes of OpenAI's embeddings over one service; the list of models has the chat model only."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.routes = [
            Route("/v1/embeddings", self.create, methods=["POST"]),
            Route(f"/v1/models/{EMBEDDING_MODEL}", self.get_model),
        ]

    async def get_model(self, request: Request) -> Response:
        """The card of the model."""
        card = {"id": EMBEDDING_MODEL, "object": "model", "created": self.service.started, "owned_by": "reference"}
        return JSONResponse(card)

    async def create(self, request: Request) -> Response:
        """One vector for each text, in the order of the texts, as floats or base64."""
        body = convert(await read_object(request, self.service.settings), _Body)
        if body.model != EMBEDDING_MODEL:
            raise ApiError(404, "the model does not exist, or makes no embeddings", "model_not_found", param="model")
        texts, most = [body.input] if isinstance(body.input, str) else body.input, self.service.settings.max_rows
        if len(texts) > most:
            raise ApiError(413, f"{len(texts)} texts in one request; at most {most}", "too_large", param="input")
        await self.service.think()
        counters = self.service.counters
        counters.predictions += 1
        counters.rows += len(texts)
        data = []
        for index, vector in enumerate(embed_texts(texts, body.dimensions or DIMENSION)):
            numbers = vector.tolist()
            if body.encoding_format == "base64":
                numbers = base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
            data.append({"object": "embedding", "index": index, "embedding": numbers})
        tokens = sum(1 + len(text) // _PER_TOKEN for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": EMBEDDING_MODEL, "usage": usage})
