"""crm-deals api | worker | relay | migrate | redrive | republish | repair."""

from crm_deals.settings import DealsSettings
from crm_shared.entry_points.command_line import make_cli

main = make_cli("deals", DealsSettings, repairs=True)

if __name__ == "__main__":
    main()
