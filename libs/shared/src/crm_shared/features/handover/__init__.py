"""Records of a user who left go to their successor: by state, in every service alike.

While a user is deactivated and has a successor, nothing stays theirs: an event of the directory starts the work at
once, and a sweep comes back to what a killed process left, a racing request assigned, or a restore brought back.
"""

from crm_shared.features.handover.following import follow_hand_overs, handing_over_leavers
from crm_shared.features.handover.owned_records import HandOver, OwnedRecords
from crm_shared.features.handover.owner_column import owned_by_column

__all__ = ["HandOver", "OwnedRecords", "follow_hand_overs", "handing_over_leavers", "owned_by_column"]
