"""What each rep did, day by day, and how often and how soon their e-mails were answered."""
