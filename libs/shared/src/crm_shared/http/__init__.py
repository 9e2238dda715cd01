"""The HTTP contract of api.md, the same in all five services."""
