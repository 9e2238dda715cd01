"""What an item of a batch weighs, by which others have their turn between items, and what its answer waits for."""

from collections.abc import Iterator
from typing import Any

import pytest

from crm_shared.clock import new_id
from crm_shared.features.batches import Outcome, requests
from crm_shared.outbox.partitioning import hash_key


class Counted(list[Any]):
    """A list that knows how much of it was looked at."""

    looked_at = 0

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self.looked_at += 1
            yield item


@pytest.mark.parametrize(
    ("item", "weight"),
    [
        (None, 1),
        ("x" * 250, 3),
        ({}, 1),
        ({"a": 1, "b": "x"}, 3),
        ({"a": {"b": [1, 2, "x" * 100]}}, 7),
    ],
)
def test_an_item_weighs_what_stands_in_it(item: object, weight: int) -> None:
    assert requests.count_values((0, item)) == weight


def test_what_is_more_than_a_piece_is_not_counted_to_its_end() -> None:
    """A body of 8 MiB may be one item with four million numbers: to count them held the loop for 0.8 s."""
    values = Counted([1]) * 50_000
    many = Counted(values)
    weight = requests.count_values((0, {"unknown": many, "nested": [[many] * 5] * 5}))
    assert weight > requests.MAX_PIECE_VALUES
    assert many.looked_at <= 3 * requests.MAX_PIECE_VALUES


@pytest.mark.parametrize("records", [1, 3, 400])
def test_a_position_names_the_last_record_of_each_partition(records: int) -> None:
    published = [Outcome(201, new_id(), 1, is_published=True) for _ in range(records)]
    named = requests.last_of_each_partition(published, partitions=3)
    assert set(named) == set({hash_key(str(each.id)) % 3: each for each in published}.values())
