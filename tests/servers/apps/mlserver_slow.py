"""A model of MLServer that sums its rows within a second, as a model of its size does: answers are on their way."""
# mypy: ignore-errors

import asyncio

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Slow(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        await asyncio.sleep(1.0)
        sums = NumpyCodec.encode_output("sums", rows.sum(axis=-1, keepdims=True))
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[sums])
