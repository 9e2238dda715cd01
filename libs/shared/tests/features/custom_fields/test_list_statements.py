"""The SQL of the list of custom fields, to be read in `golden/`."""

from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.queries import select_fields
from crm_shared.features.custom_fields.routes import SORTS
from crm_shared.http.cursors import parse_order
from crm_testing.golden import ADMIN, Golden, after


def test_fields(golden: Golden) -> None:
    by_key = parse_order("key", SORTS, id_column="f.id")
    golden.compare("fields", {"sort=key, a later page": select_fields(ADMIN, EntityType.DEAL, after(by_key, "score"))})
