"""A FastAPI tutorial: the iris flower from a list of four numbers."""

from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

app = FastAPI(title="Iris API")
iris = load_iris()
model = RandomForestClassifier(n_estimators=10, random_state=42).fit(iris.data, iris.target)


class IrisRequest(BaseModel):
    features: list[float]


@app.get("/")
def read_root():
    return {"message": "Iris model API"}


@app.post("/predict")
def predict(request: IrisRequest):
    prediction = model.predict([request.features])[0]
    return {"prediction": int(prediction), "class_name": str(iris.target_names[prediction])}
