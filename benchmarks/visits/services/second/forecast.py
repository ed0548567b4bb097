"""A FastAPI tutorial: a forecast of the next days from a history with dates."""

from datetime import date, timedelta

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

app = FastAPI(title="Forecast")


class Point(BaseModel):
    day: date
    value: float


class ForecastRequest(BaseModel):
    history: list[Point] = Field(min_length=2)
    horizon: int = Field(default=3, ge=1, le=30)


@app.post("/v1/forecast")
def forecast(request: ForecastRequest) -> dict[str, list[Point]]:
    points = sorted(request.history, key=lambda point: point.day)
    if points[0].day == points[-1].day:
        raise HTTPException(400, "history must span at least two days")
    slope = (points[-1].value - points[0].value) / (points[-1].day - points[0].day).days
    last = points[-1]
    return {
        "forecast": [
            Point(day=last.day + timedelta(days=i), value=last.value + slope * i) for i in range(1, request.horizon + 1)
        ]
    }
