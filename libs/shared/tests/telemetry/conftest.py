"""Logs as they were."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def restored_logs() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
