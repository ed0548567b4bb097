"""A FastAPI tutorial: whether a loan is approved, from named fields, an enum, a nested object and an optional field."""

import math
from enum import Enum
from typing import Optional

from fastapi import FastAPI
from pydantic import BaseModel, Field

app = FastAPI(title="Loan approval", version="1.0.0")
training_runs = []


class Employment(str, Enum):
    employed = "employed"
    self_employed = "self-employed"
    unemployed = "unemployed"


class Address(BaseModel):
    city: str
    zip_code: str


class Application(BaseModel):
    age: int = Field(ge=18, le=100)
    income: float = Field(gt=0)
    loan_amount: float = Field(gt=0)
    employment: Employment
    address: Address
    credit_score: Optional[int] = Field(default=None, ge=300, le=850)


class Decision(BaseModel):
    approved: bool
    probability: float


WEIGHT = {"employed": 1.0, "self-employed": 0.3, "unemployed": -2.0}


@app.get("/health")
def health():
    return {"status": "healthy"}


@app.post("/train")
def train():
    training_runs.append(1)
    return {"status": "training started"}


@app.post("/predict", response_model=Decision)
def predict(application: Application):
    ratio = application.income / application.loan_amount
    z = math.log(ratio) + WEIGHT[application.employment.value] + 0.01 * (application.age - 40)
    if application.credit_score is not None:
        z += (application.credit_score - 600) / 100
    probability = 1 / (1 + math.exp(-z))
    return Decision(approved=probability > 0.5, probability=probability)
