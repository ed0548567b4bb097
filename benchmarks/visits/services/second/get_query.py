"""A FastAPI tutorial: a prediction by GET, from query parameters."""

from fastapi import FastAPI
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

app = FastAPI()
iris = load_iris()
clf = DecisionTreeClassifier(random_state=0).fit(iris.data, iris.target)


@app.get("/")
def home():
    return {"Hello": "World"}


@app.get("/predict")
def get_predict(sepal_length: float, sepal_width: float, petal_length: float, petal_width: float):
    species = clf.predict([[sepal_length, sepal_width, petal_length, petal_width]])[0]
    return {"species": str(iris.target_names[species])}
