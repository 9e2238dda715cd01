"""Which e-mails belong to one conversation."""
