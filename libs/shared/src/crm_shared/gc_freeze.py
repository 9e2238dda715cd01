"""Keeps the garbage collector from walking what a process loaded at its start, over and over."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frozen_after_loading() -> Iterator[None]:
    """Leave the collector off in the block, in which a process is put together, and keep what is loaded afterwards."""
    gc.disable()
    try:
        yield
    finally:
        freeze_loaded_objects()
        gc.enable()


def freeze_loaded_objects() -> None:
    """Set aside all that lives now: modules, models, routes. Called once, when a process is put together.

    Each full collection walks every living object, and what a process has loaded is never garbage.
    """
    gc.collect()
    gc.freeze()
