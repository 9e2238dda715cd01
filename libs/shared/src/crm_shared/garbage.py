"""Keeps the garbage collector from walking what a process loaded at its start, over and over."""

import gc


def keep_what_is_loaded() -> None:
    """Set aside all that lives now: modules, models, routes. Called once, when a process is put together.

    Each full collection walks every living object, and some 300,000 of them are never garbage. Under load that took
    a third of an API's time.
    """
    gc.collect()
    gc.freeze()
