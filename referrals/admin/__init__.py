"""The console's pages of referrals: one module a noun."""

from referrals.admin import guardrails, invites, reviews, rules

__all__ = ["guardrails", "invites", "reviews", "rules"]
