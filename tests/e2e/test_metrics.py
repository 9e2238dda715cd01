"""What operators build on: the metrics' names, kinds, labels and meanings change only where the page says so."""

from pathlib import Path
from typing import Final

import pytest

from crm_testing.suite.metrics_page import list_declared_labels, make_canary_page, read_families, write_page
from crm_testing.suite.running import RunningCrm

pytestmark = pytest.mark.engines

PAGE: Final = Path(__file__).parents[2] / "docs" / "operations" / "metrics.md"
NAMES_SOMEBODY: Final = {"tenant", "tenant_id", "user", "user_id", "id", "path", "email"}


async def test_a_running_suite_shows_what_the_page_says(crm: RunningCrm, request: pytest.FixtureRequest) -> None:
    pages = {**await crm.read_metrics(), "canary": make_canary_page()}
    page = write_page(pages)
    if request.config.getoption("--write-golden"):
        PAGE.write_text(page, "utf-8")
    assert page == PAGE.read_text("utf-8"), "if it should differ, run pytest --write-golden and look at the diff"


async def test_every_label_is_a_declared_one_and_names_nobody(crm: RunningCrm) -> None:
    declared = list_declared_labels()
    for process, page in (await crm.read_metrics()).items():
        for name, family in read_families(page).items():
            assert family.labels <= set(declared[name]), f"{process}: {name}"
            assert not family.labels & NAMES_SOMEBODY, f"{process}: {name}"
