"""What every test of the workspace may use: see crm_local.testing.engines for the engines' fixtures."""

pytest_plugins = ["crm_local.testing.engines"]
