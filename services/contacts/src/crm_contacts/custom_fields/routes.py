"""HTTP of custom fields."""

from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.routes import make_router

router = make_router((EntityType.CONTACT, EntityType.COMPANY))
