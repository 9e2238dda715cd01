"""One policy for all consumers: a subscriber made in another way, or anywhere else, fails here."""

import ast
from pathlib import Path
from typing import Any

import pytest
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from crm_shared.bus import Subscription, subscribe
from crm_shared.bus.subscriber import MAX_POLL_INTERVAL_MS, ConsumerSettings, WrongPolicy, require_policy
from crm_shared.bus.worker import Worker
from crm_shared.contracts import Event

ROOT = Path(__file__).parents[4]
SOURCES = [*ROOT.glob("libs/*/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py"), *ROOT.glob("deploy/*/src/**/*.py")]
THE_ONE_PLACE = ROOT / "libs/shared/src/crm_shared/bus/subscriber.py"


async def ignore(_batch: list[Event]) -> None:
    pass


async def test_a_worker_acknowledges_after_the_handler_and_begins_at_the_beginning() -> None:
    subscriptions = [Subscription(("crm.deal",), f"test.policy-{number}", ignore) for number in range(3)]
    worker = Worker(ConsumerSettings("127.0.0.1:1", "test", group_instance_id="worker-1"), subscriptions)
    subscribers = worker.app.broker.subscribers if worker.app.broker else []
    assert len(subscribers) == 3
    for subscriber in subscribers:
        arguments: dict[str, object] = getattr(subscriber, "_connection_args")  # noqa: B009 - FastStream keeps them private
        assert subscriber.ack_policy is AckPolicy.NACK_ON_ERROR
        assert arguments["auto_offset_reset"] == "earliest"
        assert arguments["enable_auto_commit"] is False
        assert arguments["group_instance_id"] == "worker-1"
        assert arguments["max_poll_interval_ms"] == MAX_POLL_INTERVAL_MS > 60 * 60 * 1000


@pytest.mark.parametrize(
    "changed",
    [
        {"ack_policy": AckPolicy.ACK},
        {"ack_policy": AckPolicy.ACK_FIRST},
        {"auto_offset_reset": "latest"},
        {"group_id": None},
        {"batch": False},
    ],
)
async def test_a_subscriber_of_another_policy_is_found(changed: dict[str, Any]) -> None:
    right: dict[str, Any] = {
        "ack_policy": AckPolicy.NACK_ON_ERROR,
        "auto_offset_reset": "earliest",
        "group_id": "a.b",
        "batch": True,
    }
    good, bad = KafkaBroker(), KafkaBroker()
    good.subscriber("crm.deal", **right)
    bad.subscriber("crm.deal", **{**right, **changed})
    require_policy(good)
    with pytest.raises(WrongPolicy):
        require_policy(bad)


def test_subscribers_are_made_in_one_place() -> None:
    """FastStream's defaults lose records, so nobody may call them by accident."""
    assert THE_ONE_PLACE in SOURCES
    found = {
        source.relative_to(ROOT)
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"subscriber", "subscribe_batch"}
    }
    assert found == {THE_ONE_PLACE.relative_to(ROOT)}


def test_a_consumer_names_its_topics_and_a_group_of_its_service() -> None:
    with pytest.raises(ValueError, match="group_id"):
        subscribe("crm.deal", group_id="notes")
    with pytest.raises(ValueError, match="topics"):
        subscribe(group_id="activities.notes")
