"""What callers do with activities: one act sees the record, its series and its thread, which know nothing of it."""
