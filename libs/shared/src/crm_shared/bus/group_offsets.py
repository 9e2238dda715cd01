"""How far a consumer group has read, asked of Kafka from outside the group."""

from collections.abc import Mapping
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
    for_code,
)
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

COORDINATOR_WITHIN_S: Final = 10.0
# A broker that has just started, or taken over from one that died, keeps no groups for a moment.
COORDINATOR_MOVES: Final = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)


@retry(
    retry=retry_if_exception_type(COORDINATOR_MOVES),
    wait=wait_fixed(0.1),
    stop=stop_after_delay(COORDINATOR_WITHIN_S),
    reraise=True,
)
async def read_group_offsets(admin: AIOKafkaAdminClient, group_id: str) -> Mapping[TopicPartition, int]:
    """Return the offset that the group has committed in each partition, where it has in any.

    While the group's coordinator is being found the question is asked again, for COORDINATOR_WITHIN_S at most. Raises
    KafkaError.
    """
    committed = await admin.list_consumer_group_offsets(group_id)
    if not committed:
        # To aiokafka a coordinator that refuses is one that knows of no offset; described, the group has the error.
        for response in await admin.describe_consumer_groups([group_id]):
            for error_code, *_ in response.groups:
                if error_code and for_code(error_code) in COORDINATOR_MOVES:
                    raise for_code(error_code)(f"the coordinator of {group_id} is not there yet")
    return {partition: known.offset for partition, known in committed.items() if known.offset >= 0}
