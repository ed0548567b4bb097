"""A model behind Ray Serve, written as its documentation does."""
# mypy: ignore-errors

import os

import joblib
import numpy as np
from ray import serve
from starlette.requests import Request


@serve.deployment(ray_actor_options={"num_cpus": 0.5})
class Digits:
    def __init__(self):
        self.model = joblib.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "digits.joblib"))

    async def __call__(self, request: Request):
        data = await request.json()
        return {"predictions": self.model.predict(np.array(data["instances"])).tolist()}


app = Digits.bind()
