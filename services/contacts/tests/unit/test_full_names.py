"""Whole names are parted as people mean them, as far as a cell says."""

import pytest

from crm_contacts.imports.full_names import part_name


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Ada Byron", ("Ada", "Byron")),
        ("Byron, Ada", ("Ada", "Byron")),
        ("Ada", ("Ada", "")),
        ("Ludwig van Beethoven", ("Ludwig", "van Beethoven")),
        ("Johann Sebastian Bach", ("Johann Sebastian", "Bach")),
        ("Martin King Jr.", ("Martin", "King Jr.")),
        ("Ada Byron, Ph.D.", ("Ada", "Byron Ph.D.")),
        ("ada king byron", ("ada", "king byron")),
        ("King Jr.", ("King", "Jr.")),
        ("Jr. II", ("Jr.", "II")),
        (", Ada", ("Ada", "")),
        (",", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_whole_name_is_parted(text: str, parts: tuple[str, str]) -> None:
    assert part_name(text) == parts
