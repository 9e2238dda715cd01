"""Keeps the garbage collector from walking what a process loaded at its start, over and over."""

import gc


def keep_what_is_loaded() -> None:
    """Set aside all that lives now: modules, models, routes. Called once, when a process is put together.

    Each full collection walks every living object, and what a process has loaded is never garbage.
    """
    gc.collect()
    gc.freeze()
