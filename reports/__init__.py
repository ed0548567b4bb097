"""Renderers, one file each: `as_NAME.py` offers `render(report) -> str` and `SUFFIX`; pure functions of the report."""
