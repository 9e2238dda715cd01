"""What deals and stages were at each past moment: kept by version, and read as of a moment of business time."""
