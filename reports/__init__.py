"""Renderers, one file each: `as_NAME.py` offers `render(report) -> str` and `SUFFIX`; pure functions of the report.

Tested in tests/reports/test_report_charts.py, tests/reports/test_reports_suites.py and
tests/reports/test_reports_conformance.py, where a file has no test of its own.
"""
