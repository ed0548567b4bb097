"""A FastAPI tutorial: a batch of rows, `{"instances": [[...], ...]}`, with a list of predictions."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

app = FastAPI()
wine = load_wine()
model = make_pipeline(StandardScaler(), SVC()).fit(wine.data, wine.target)


class Instances(BaseModel):
    instances: list[list[float]]


class Predictions(BaseModel):
    predictions: list[int]


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/predict", response_model=Predictions)
def predict(body: Instances):
    try:
        predictions = model.predict(body.instances)
    except ValueError as error:
        raise HTTPException(status_code=400, detail=str(error))
    return {"predictions": predictions.tolist()}
