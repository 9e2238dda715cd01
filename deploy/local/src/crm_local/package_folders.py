"""Where the code of the suite lies, to see whether it has changed."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path


def find_packages(*names: str) -> Iterator[Path]:
    """Yield the folder of each package that is installed."""
    for name in names:
        spec = find_spec(name)
        yield from map(Path, (spec.submodule_search_locations or ()) if spec else ())
