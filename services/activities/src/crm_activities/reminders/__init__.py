"""Reminders: what is told of an activity when the time has come that was named for it."""
