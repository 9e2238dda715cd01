"""Pytest plugin: the garbage collector is off while tests are collected, and what was loaded is set aside after.

A test process loads five services: some million objects, none of them garbage, which every full collection would walk
again, during the tests too. It runs five applications at once besides: collections are rarer than in one that serves.
"""

import gc
from collections.abc import Generator
from typing import Final

import pytest

from crm_shared.gc_freeze import frozen_after_loading

THRESHOLDS: Final = (20_000, 20, 50)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    with frozen_after_loading():
        gc.set_threshold(*THRESHOLDS)
        return (yield)
