"""A folder that the engines' account can use, unlike pytest's own, which root's runs close to others."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def engine_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="crm-local-test-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home, ignore_errors=True)
