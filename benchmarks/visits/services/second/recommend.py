"""A FastAPI tutorial: films recommended to a known user; an unknown user is 404."""

from fastapi import FastAPI, HTTPException, Path, Query
from pydantic import BaseModel

app = FastAPI(title="Recommender")
FILMS = ["Alien", "Brazil", "Casablanca", "Dune", "Eraserhead", "Fargo", "Gattaca", "Heat"]


class RecommendRequest(BaseModel):
    user_id: int
    k: int = 3


@app.delete("/users/{user_id}")
def delete_user(user_id: int = Path(ge=0)):
    return {"deleted": user_id}


@app.get("/films")
def list_films(limit: int = Query(default=5, le=8)):
    return FILMS[:limit]


@app.post("/recommend")
def recommend(request: RecommendRequest):
    if not 0 <= request.user_id < 100:
        raise HTTPException(status_code=404, detail="User not found")
    items = [
        {"title": FILMS[(request.user_id * 3 + i) % 8], "score": round(0.99 - 0.1 * i, 2)} for i in range(request.k)
    ]
    return {"user_id": request.user_id, "recommendations": items}
