"""A FastAPI tutorial: the price of a house, behind an API key."""

import os

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel
from sklearn.linear_model import LinearRegression

app = FastAPI(title="House prices")
api_key_header = APIKeyHeader(name="X-API-Key")
rng = np.random.default_rng(0)
X = np.column_stack([rng.uniform(40, 300, 200), rng.integers(1, 7, 200), rng.integers(1950, 2024, 200)])
model = LinearRegression().fit(X, 2000 * X[:, 0] + 10000 * X[:, 1] + 300 * (X[:, 2] - 1950))


def get_api_key(key: str = Security(api_key_header)):
    if key != os.environ["API_KEY"]:
        raise HTTPException(status_code=401, detail="Could not validate API key")
    return key


class House(BaseModel):
    square_meters: float
    bedrooms: int
    year_built: int


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/predict")
def predict(house: House, key: str = Depends(get_api_key)):
    price = model.predict([[house.square_meters, house.bedrooms, house.year_built]])[0]
    return {"price": round(float(price), 2), "currency": "EUR"}
