"""The bus: how events are consumed, set aside when bad, and put back. Producing goes through the outbox alone."""

from crm_shared.bus.subscription import Consumer, Subscription, subscribe
from crm_shared.transient import DependencyUnavailable, is_transient

__all__ = ["Consumer", "DependencyUnavailable", "Subscription", "is_transient", "subscribe"]
