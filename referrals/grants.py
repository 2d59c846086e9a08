"""What the runtime role may write of this app's tables: what was done to a guardrail stays as it was written."""

from loyalty_site.tenants import roles
from referrals.models import GuardrailAuditEvent


def declare() -> None:
    """Let the audit be added to, and nothing in it be changed but the words about a person."""
    roles.protect(GuardrailAuditEvent._meta.db_table, insert=True, update=["reason", "facts", "actor_id"])
