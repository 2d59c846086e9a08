"""What the runtime role may write of this app's tables: everything but value."""

from django.db.models import Model

from loyalty.models import LedgerEntry, LotAllocation, Member, PointLot
from loyalty_site.tenants import roles

LEDGER_FUNCTIONS = (
    "ledger_post_v1(timestamptz, jsonb)",
    "ledger_post_set_v1(timestamptz, jsonb)",
    "ledger_post_set_v2(timestamptz, ledger_posting_v1[])",
    (
        "ledger_credit_v1(uuid, uuid, uuid, text, bigint, integer, text, bytea, boolean, bigint, boolean, boolean, "
        "uuid, uuid, text, uuid, uuid, text, jsonb, timestamptz, text, boolean)"
    ),
    (
        "ledger_credit_v2(uuid, uuid, uuid, text, bigint, integer, text, bytea, boolean, bigint, boolean, boolean, "
        "uuid, uuid, text, uuid, uuid, text, jsonb, timestamptz, text, boolean, text)"
    ),
    "ledger_forget_v1(uuid[])",
    "ledger_forget_v2(uuid[])",
    "ledger_forget_keys_v1(uuid, text[])",
    "ledger_mend_v1(uuid[])",
)

OPENING_FUNCTIONS = (
    "rewards_open_v1(uuid, text[], uuid[])",
    "checkout_open_v1(uuid, text[], text[])",
)


def declare() -> None:
    """Protect the value tables; `ledger_post` writes them as the owner."""
    roles.protect(_table(LedgerEntry))
    roles.protect(_table(LotAllocation))
    roles.protect(_table(PointLot), update=["warned_at"])
    # A trigger sees to it that a new member begins with nothing.
    plain = [field.attname for field in Member._meta.concrete_fields if field.name in Member.PLAIN_FIELDS]
    roles.protect(_table(Member), insert=True, update=plain)
    for signature in (*LEDGER_FUNCTIONS, *OPENING_FUNCTIONS):
        roles.allow_function(signature)


def _table(model: type[Model]) -> str:
    return model._meta.db_table
