"""The inbox: a user's open tasks by when they are due, in that user's time zone."""
