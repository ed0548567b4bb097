"""A FastAPI tutorial: a list of passengers as the body, a list of objects as the answer."""

import math
from typing import List, Literal

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(title="Titanic")


class Passenger(BaseModel):
    pclass: Literal[1, 2, 3]
    sex: Literal["male", "female"]
    age: float
    fare: float = 20.0


class Survival(BaseModel):
    survived: int
    probability: float


@app.get("/healthz")
def healthz():
    return {"ok": True}


@app.post("/api/predict", response_model=List[Survival])
def predict(passengers: List[Passenger]):
    answers = []
    for p in passengers:
        z = 3 - p.pclass + (2 if p.sex == "female" else -1) - p.age / 40 + p.fare / 200
        probability = 1 / (1 + math.exp(-z))
        answers.append(Survival(survived=int(probability > 0.5), probability=probability))
    return answers
