"""Every model of train_bundled.py behind one Triton: `python triton_bundled.py HTTP GRPC METRICS`."""
# mypy: ignore-errors

import sys
from pathlib import Path

import joblib
import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def serve_classes(model):
    """Labels and scores: the outputs, and what computes them."""

    @batch
    def infer(rows):
        return {"label": model.predict(rows).astype(np.int64)[:, None], "scores": model.predict_proba(rows)}

    classes = len(getattr(model, "model", model).classes_)
    label, scores = (
        Tensor(name="label", dtype=np.int64, shape=(1,)),
        Tensor(name="scores", dtype=np.float64, shape=(classes,)),
    )
    return [label, scores], infer


def serve_numbers(model):
    """One number a row."""

    @batch
    def infer(rows):
        return {"value": model.predict(rows)[:, None]}

    return [Tensor(name="value", dtype=np.float64, shape=(1,))], infer


http, grpc, metrics = map(int, sys.argv[1:])
config = TritonConfig(
    http_address="127.0.0.1", http_port=http, grpc_address="127.0.0.1", grpc_port=grpc, metrics_port=metrics
)
with Triton(config=config) as triton:
    for path in Path().glob("*.joblib"):
        model = joblib.load(path)
        outputs, infer = (serve_classes if hasattr(model, "predict_proba") else serve_numbers)(model)
        features = getattr(model, "model", model).n_features_in_
        triton.bind(
            model_name=path.stem.replace("-", "_"),
            infer_func=infer,
            inputs=[Tensor(name="rows", dtype=np.float64, shape=(features,))],
            outputs=outputs,
            config=ModelConfig(max_batch_size=64),
        )
    triton.serve()
