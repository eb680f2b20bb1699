"""The report: one static folder of plain HTML made from stored runs, without running anything."""

from dlnotes.lab.report.site import build

__all__ = ["build"]
