"""Staff tokens from the command line."""

from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from loyalty_site.http import keys
from loyalty_site.http.models import StaffToken
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import User


class Command(ReportCommand):
    help = (
        "Make, revoke or list tokens for the admin API. A token may do what its user may, for 90 days; its text is "
        "shown once, when it is made."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("action", choices=["make", "revoke", "list"])
        parser.add_argument("token", nargs="?", type=UUID, metavar="TOKEN", help="the token's id, to revoke it")
        parser.add_argument("--user", metavar="EMAIL", help="whose token")
        parser.add_argument("--name", default="", help="what it is for")

    def report(self, *, action: str, token: UUID | None, user: str | None, name: str, **options: Any) -> Report:
        if action == "make":
            made, text = keys.make_staff_token(user=_user(user), name=name, at=timezone.now())
            return {"token": text, **_shown(made)}
        if action == "revoke":
            found = StaffToken.objects.select_related("user").filter(pk=token).first() if token else None
            if found is None:
                raise NotFound("There is no such token; `staff_token list` shows their ids.")
            keys.revoke_staff_token(token=found, at=timezone.now())
            found.refresh_from_db()
            return _shown(found)
        tokens = StaffToken.objects.select_related("user")
        return {"tokens": [_shown(each) for each in (tokens.filter(user=_user(user)) if user else tokens)]}


def _user(email: str | None) -> User:
    if email is None:
        raise CommandError("--user is needed.", returncode=2)
    user = User.objects.filter(email__iexact=email, is_active=True, is_staff=True).first()
    if user is None:
        raise NotFound(f"Nobody signs in as {email}.")
    return user


def _shown(token: StaffToken) -> dict[str, Any]:
    return {
        "id": token.pk,
        "user": token.user.email,
        "name": token.name,
        "begins_with": token.hint,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    }
