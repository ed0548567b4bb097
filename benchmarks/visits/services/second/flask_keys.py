"""A Flask tutorial: diabetes from named JSON fields, without OpenAPI, with an error of its own."""

from flask import Flask, jsonify, request

app = Flask(__name__)
FIELDS = ["pregnancies", "glucose", "blood_pressure", "bmi", "age"]


@app.route("/health", methods=["GET"])
def health():
    return jsonify({"status": "up"})


@app.route("/predict", methods=["POST"])
def predict():
    data = request.get_json()
    missing = [field for field in FIELDS if field not in data]
    if missing:
        return jsonify({"error": f"Missing field: {missing[0]}"}), 400
    try:
        values = [float(data[field]) for field in FIELDS]
    except (TypeError, ValueError) as e:
        return jsonify({"error": str(e)}), 400
    risk = 0.02 * values[1] + 0.05 * values[3] + 0.01 * values[4] - 3.5
    return jsonify({"outcome": int(risk > 0), "probability": round(min(1.0, max(0.0, 0.5 + risk / 5)), 4)})
