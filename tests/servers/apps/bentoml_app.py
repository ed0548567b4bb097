"""A model behind BentoML, written as its documentation does."""
# mypy: ignore-errors

import bentoml
import joblib
import numpy as np


@bentoml.service(resources={"cpu": "1"}, traffic={"timeout": 30})
class Digits:
    def __init__(self):
        self.model = joblib.load("digits.joblib")

    @bentoml.api
    def predict(self, instances: list[list[float]]) -> list[int]:
        return self.model.predict(np.array(instances)).tolist()
