"""A start skips what an earlier one did, and only that."""

from pathlib import Path

import pytest

from crm_local.home import Home
from crm_local.migrations import fingerprint, is_up_to_date


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "crm")
    home.make()
    return home


def test_nothing_is_up_to_date_before_it_was_done(home: Home) -> None:
    assert not is_up_to_date(home, "deals")


def test_done_with_the_same_code_it_is(home: Home) -> None:
    (home.data / "migrated-deals").write_text(fingerprint(home, "deals"))
    assert is_up_to_date(home, "deals")


def test_new_passwords_or_data_that_are_gone_need_it_again(home: Home) -> None:
    (home.data / "migrated-deals").write_text(fingerprint(home, "deals"))
    (home.secrets / "passwords.json").unlink()
    assert not is_up_to_date(home, "deals")
