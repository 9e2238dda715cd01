"""Rows become records, chunk by chunk and in turn; and are taken back the same way."""
