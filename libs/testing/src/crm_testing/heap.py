"""Pytest plugin: the garbage collector is off while tests are collected, and what was loaded is set aside after.

A test process loads five services: some million objects, none of them garbage, which every full collection would walk
again, during the tests too.
"""

import gc
from collections.abc import Generator

import pytest

from crm_shared.gc_freeze import frozen_after_loading


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    with frozen_after_loading():
        return (yield)
