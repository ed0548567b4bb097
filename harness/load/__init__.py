"""Load: one open-loop load, made in a locust child, recorded, counted and judged."""
