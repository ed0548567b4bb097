"""A Flask tutorial: a salary from the fields of an HTML form."""

from flask import Flask, jsonify, render_template_string, request

app = Flask(__name__)
PAGE = """<form action="/predict" method="post">
<input type="text" name="experience" placeholder="Experience" required="required" />
<input type="text" name="test_score" placeholder="Test Score" required="required" />
<input type="text" name="interview_score" placeholder="Interview Score" required="required" />
<button type="submit">Predict</button></form>"""


@app.route("/")
def home():
    return render_template_string(PAGE)


@app.route("/predict", methods=["POST"])
def predict():
    experience = float(request.form["experience"])
    test_score = float(request.form["test_score"])
    interview_score = float(request.form["interview_score"])
    salary = 20000 + 3000 * experience + 1500 * test_score + 1200 * interview_score
    return jsonify(salary=round(salary, 2))
