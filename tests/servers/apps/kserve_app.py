"""A model behind KServe's Python SDK, which speaks V1 and V2 at once, written as its documentation does."""
# mypy: ignore-errors

import argparse

import joblib
import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.utils.utils import generate_uuid


class Digits(Model):
    def __init__(self, name):
        super().__init__(name)
        self.model = joblib.load("digits.joblib")
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        if isinstance(payload, InferRequest):
            labels = self.model.predict(payload.inputs[0].as_numpy())
            output = InferOutput(name="label", shape=list(labels.shape), datatype="INT64", data=labels.tolist())
            name, own = self.name, payload.id or generate_uuid()
            return InferResponse(response_id=own, model_name=name, infer_outputs=[output])
        return {"predictions": self.model.predict(np.array(payload["instances"])).tolist()}


if __name__ == "__main__":
    parsed, _ = argparse.ArgumentParser(parents=[model_server.parser]).parse_known_args()
    ModelServer().start([Digits("digits")])
