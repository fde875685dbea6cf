"""The report of a run: `write_report(run_folder, cost=..., out=...)`, or `python -m burst.report`."""

from burst.report.page import write_report

__all__ = ["write_report"]
