"""A model behind Flask, written as tutorials do; `python flask_app.py PORT` runs the development server."""
# mypy: ignore-errors

import sys

import joblib
import numpy as np
from flask import Flask, jsonify, request

app = Flask(__name__)
model = joblib.load("digits.joblib")


@app.get("/health")
def health():
    return jsonify(status="ok")


@app.post("/predict")
def predict():
    data = request.get_json()
    X = np.array(data["instances"])
    return jsonify(predictions=model.predict(X).tolist(), probabilities=model.predict_proba(X).tolist())


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]))
