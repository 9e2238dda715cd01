"""What answers each e-mail, of all e-mails there are: found when they are projected, whatever comes late."""
