"""A FastAPI tutorial: spam or not, of a text that comes as a query parameter of a POST."""

from fastapi import FastAPI
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

app = FastAPI(title="Spam detector")
HAM = ["see you at lunch", "the meeting is at noon", "can you call me back", "happy birthday to you"]
SPAM = ["win money now", "free prize claim now", "cheap pills free", "you have won a free lottery"]
model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(HAM + SPAM, [0] * 4 + [1] * 4)


@app.post("/predict")
def predict_spam(message: str):
    polarity = ""
    prediction = model.predict([message])[0]
    if prediction == 0:
        polarity = "Ham"
    elif prediction == 1:
        polarity = "Spam"
    return {"message": message, "polarity": polarity}
