"""Calendar feeds: a user's open meetings and tasks as iCalendar, at an address that is a secret of theirs."""
