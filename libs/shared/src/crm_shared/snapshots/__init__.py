"""The present state of a service's records as events that repeat it."""
