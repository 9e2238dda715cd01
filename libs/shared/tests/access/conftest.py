"""A new issuer for each test."""

from pathlib import Path

import pytest
from libs.shared.tests.access.watched_issuer import Issuer, Watched, watch


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


@pytest.fixture
def verifier(issuer: Issuer) -> Watched:
    return watch(issuer)
