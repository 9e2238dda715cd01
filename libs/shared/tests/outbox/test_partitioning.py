"""The relay's hash is Kafka's."""

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as reference
from hypothesis import given
from hypothesis import strategies as st

from crm_shared.outbox.partitioning import hash_key, murmur2


@given(st.binary(max_size=80))
def test_the_hash_is_that_of_the_clients(key: bytes) -> None:
    assert murmur2(key) == reference(key)


@given(st.uuids(), st.integers(1, 48))
def test_a_key_goes_where_the_default_partitioner_puts_it(key: object, count: int) -> None:
    partitions = list(range(count))
    assert hash_key(str(key)) % count == DefaultPartitioner()(str(key).encode(), partitions, partitions)
