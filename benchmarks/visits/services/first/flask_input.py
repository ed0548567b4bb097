"""A Flask tutorial: the iris flower from `request.json["input"]`, without OpenAPI."""

import numpy as np
from flask import Flask, jsonify, request
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

app = Flask(__name__)
X, y = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=500).fit(X, y)


@app.route("/")
def index():
    return "<h1>Iris prediction service</h1><p>POST your data to /predict</p>"


@app.route("/predict", methods=["POST"])
def predict():
    data = request.json["input"]
    prediction = model.predict(np.array(data).reshape(1, -1))
    return jsonify({"prediction": int(prediction[0])})
