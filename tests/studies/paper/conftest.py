"""The fabricated dataset and runs of the report's tests."""

from tests.report.conftest import body, workplace

__all__ = ["body", "workplace"]
