"""The bus: how events are consumed, set aside when bad, and put back. Producing goes through the outbox alone."""

from crm_shared.bus.subscription import Consumer, Subscription, subscribe
from crm_shared.transient import WORLD_ERRORS, WorldAway, is_world_error

__all__ = ["WORLD_ERRORS", "Consumer", "Subscription", "WorldAway", "is_world_error", "subscribe"]
