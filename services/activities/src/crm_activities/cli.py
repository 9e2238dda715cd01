"""crm-activities api | worker | relay | migrate | redrive | republish | repair."""

from crm_activities.settings import ActivitiesSettings
from crm_shared.entry_points.command_line import make_cli

main = make_cli("activities", ActivitiesSettings, repairs=True)

if __name__ == "__main__":
    main()
