"""Custom fields of deals."""
