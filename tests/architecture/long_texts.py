"""Texts of 100,000 characters of every class, a budget for what reads them, and the modules that are looked through."""

import importlib
import pkgutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from types import FrameType, ModuleType
from typing import Final

from crm_shared.service_registry import REGISTRY

PACKAGES: Final = ("crm_shared", "crm_local", *(service.package for service in REGISTRY))
LENGTH: Final = 100_000
BUDGET_S: Final = 1.0
"""CPU for one text of that length: fifty times what the dearest takes, a thousandth of what the square of it would."""

CLASSES: Final = {
    "letters": "a", "capitals": "A", "digits": "7", "hangul": "각", "han": "漢", "thai": "ก", "marks": "\u0301",
    "letters with marks": "e\u0301", "vowel signs": "\u0915\u093f", "spaces": " ", "lines": "\n", "dots": ".",
    "hyphens": "-", "apostrophes": "'", "quotes": '"', "brackets": "(", "signs": "+", "at": "@", "under": "_",
    "separators": ";", "emoji": "🚀", "nulls": "\x00", "words": "ab ", "dotted": "a.", "joined": "a-b'",
    "numbers": "1 ", "decimals": "1.5", "mixed": "aZ7각漢\u0301 .-'@", "phones": "+49 (30) ", "codes": "ab1-",
}  # fmt: skip
# An ending that nothing wants makes a pattern give back all that it took.
TEXTS: Final = {name: "".join(islice(cycle(unit), LENGTH - 1)) + "\x01" for name, unit in CLASSES.items()}


class TooSlow(Exception):
    """A text cost more than texts of its length may."""


@contextmanager
def cpu_budget(seconds: float) -> Iterator[None]:
    """Raise TooSlow in the block once it has taken so much of the processor, however loaded the machine is."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def list_modules() -> Iterator[ModuleType]:
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not found.name.endswith("__main__") and ".alembic_environment" not in found.name:
                yield importlib.import_module(found.name)
