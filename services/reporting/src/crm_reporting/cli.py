"""crm-reporting api | worker | migrate | redrive. It publishes nothing, so it has no relay and no republish."""

from crm_reporting.settings import ReportingSettings
from crm_shared.command_line import make_cli

main = make_cli("reporting", ReportingSettings, publishes=False)

if __name__ == "__main__":
    main()
