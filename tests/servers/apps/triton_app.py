"""A model behind Triton, bound by pytriton as its documentation does: `python triton_app.py HTTP GRPC METRICS`."""
# mypy: ignore-errors

import sys

import joblib
import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

model = joblib.load("digits.joblib")


@batch
def infer(image):
    chances = model.predict_proba(image)
    return {"label": chances.argmax(1).astype(np.int64)[:, None], "probs": chances.astype(np.float32)}


http, grpc, metrics = map(int, sys.argv[1:])
config = TritonConfig(
    http_address="127.0.0.1", http_port=http, grpc_address="127.0.0.1", grpc_port=grpc, metrics_port=metrics
)
with Triton(config=config) as triton:
    triton.bind(
        model_name="digits",
        infer_func=infer,
        inputs=[Tensor(name="image", dtype=np.float64, shape=(64,))],
        outputs=[Tensor(name="label", dtype=np.int64, shape=(1,)), Tensor(name="probs", dtype=np.float32, shape=(10,))],
        config=ModelConfig(max_batch_size=64),
    )
    triton.serve()
