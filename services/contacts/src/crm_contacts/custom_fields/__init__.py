"""Custom fields of contacts and companies."""
