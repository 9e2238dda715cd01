"""Webhooks: the service's events, told to other systems over HTTP."""
