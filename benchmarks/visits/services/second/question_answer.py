"""A FastAPI tutorial: the answer to a question, found in a context."""

from fastapi import Body, FastAPI

app = FastAPI(title="QA")


@app.post("/qa")
def answer(question: str = Body(min_length=3), context: str = Body(min_length=3), top_k: int = Body(1, ge=1, le=5)):
    words = {word.strip("?.,").lower() for word in question.split()}
    sentences = [part.strip() for part in context.split(".") if part.strip()] or [context]
    ranked = sorted(sentences, key=lambda s: -len(words & {w.strip(",").lower() for w in s.split()}))
    start = context.find(ranked[0])
    return {"answer": ranked[0], "score": 0.87, "start": start, "end": start + len(ranked[0])}
