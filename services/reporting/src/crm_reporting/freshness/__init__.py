"""How far behind its sources this service is."""
