"""A pytest plugin: makes Hypothesis' tables of Unicode before any test draws a text.

In a fresh checkout the first text to be drawn makes them, which takes seconds: Hypothesis then calls the test that
happens to be first too slow. They are kept in `.hypothesis`, where the other processes of a run find them.
"""

import pytest
from hypothesis import find, settings
from hypothesis import strategies as st


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Make them in the process that starts the others, which have all tests to collect before they draw anything."""
    if not hasattr(session.config, "workerinput"):
        find(st.text(), lambda _: True, settings=settings(database=None, deadline=None))
