"""The whole suite, started as its users start it, for tests that act from outside and kill what they like."""
