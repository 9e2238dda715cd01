"""`crm why`: the way of one event through the running suite."""
