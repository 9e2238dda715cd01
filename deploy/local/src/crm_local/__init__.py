"""The whole suite on this machine: engines, processes and the `crm` command."""
