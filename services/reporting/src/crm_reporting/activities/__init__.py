"""What reports keep of activities: who did what kind of thing with whom and when, and no word of it."""
