"""The warehouse's side of reporting: what reports are made of, as a star schema, brought there change by change."""
