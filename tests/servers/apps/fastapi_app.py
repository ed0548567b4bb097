"""A model behind FastAPI, written as its tutorial does."""
# mypy: ignore-errors

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(title="digits", version="1.0")
model = joblib.load("digits.joblib")


class In(BaseModel):
    instances: list[list[float]]


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/predict")
def predict(body: In):
    X = np.array(body.instances)
    return {"predictions": model.predict(X).tolist(), "probabilities": model.predict_proba(X).tolist()}
