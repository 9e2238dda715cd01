"""What a service owes the others once its database was restored to an earlier moment: `crm-<service> restored`."""
