"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.tenant.schemas import ApiKeyCreate, ClockAdvance, SettingsPatch, TenantCreate, TenantPatch

EXAMPLES: Mapping[Any, Any] = {
    TenantCreate: {
        "name": "Example SAS, sandbox",
        "currency": "EUR",
        "time_zone": "Europe/Paris",
        "region": "eu",
        "country": "FR",
        "sandbox": True,
        "clock_at": "2026-01-01T00:00:00Z",
        "invoice_prefix": "EX",
        "net_days": 14,
        "proration": "second",
        "correction_mode": "credit_note",
    },
    TenantPatch: {"status": "suspended"},
    SettingsPatch: {
        "net_days": 30,
        "proration": "day",
        "correction_mode": "next_invoice",
        "legal": {
            "legal_name": "Example SAS",
            "address": {"line1": "1 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"},
            "tax_ids": [{"kind": "eu_vat", "value": "FR40303265045"}],
            "iban": "FR7630006000011234567890189",
        },
        "invoicing": {
            "number_pattern": "{prefix}-{year}-{number:06}",
            "draft_hours": 24,
            "reminder_days": [-3, 7],
            "dunning": {"retry_days": [3, 5, 7], "finally_do": "cancel"},
            "locale": "fr-FR",
        },
    },
    ApiKeyCreate: {
        "name": "gateway",
        "scopes": ["usage:write", "billing:read"],
        "expires_at": "2027-01-01T00:00:00Z",
    },
    ClockAdvance: {"to": "2026-02-01T02:00:00Z"},
}
"""By the type of the body."""
