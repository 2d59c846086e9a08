"""API keys from the command line."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from loyalty_site.http import keys
from loyalty_site.http.models import ApiKey, Scope
from loyalty_site.jobs.commands import Report, ReportCommand, merchant_named, time_given
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import Store


class Command(ReportCommand):
    help = "Make, rotate, revoke or list API keys. A key's text is shown once, when it is made."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("action", choices=["make", "rotate", "revoke", "list"])
        parser.add_argument("key", nargs="?", type=UUID, metavar="KEY", help="the key's id, to rotate or revoke")
        parser.add_argument("--merchant", metavar="SLUG", help="whose key")
        parser.add_argument("--store", metavar="REFERENCE", help="the store it belongs to")
        parser.add_argument("--name", default="", help="where it is used")
        parser.add_argument("--scope", action="append", choices=Scope.values, help="what it opens; may be repeated")
        parser.add_argument("--expires", metavar="TIME", help="ISO 8601; default: never")
        parser.add_argument(
            "--overlap", type=float, default=24, metavar="HOURS", help="how long a rotated key lives on"
        )

    def report(self, *, action: str, **options: Any) -> Report:
        actions: dict[str, Callable[..., Report]] = {
            "make": self._make,
            "rotate": self._rotate,
            "revoke": self._revoke,
            "list": self._list,
        }
        return actions[action](**options)

    def _make(self, *, merchant: str | None, store: str | None, **options: Any) -> Report:
        owner = merchant_named(merchant)
        if owner is None:
            raise CommandError("--merchant is needed.", returncode=2)
        place = None
        if store is not None:
            place = Store.objects.filter(merchant=owner, reference=store).first()
            if place is None:
                raise NotFound(f"{owner.slug} has no store {store!r}.")
        key, text = keys.make(
            merchant=owner,
            store=place,
            name=options["name"],
            scopes=options["scope"] or ([Scope.STORE] if place else []),
            at=timezone.now(),
            expires_at=time_given(options["expires"]) if options["expires"] else None,
        )
        return {"key": text, **_shown(key)}

    def _rotate(self, *, key: UUID | None, overlap: float, **options: Any) -> Report:
        if not 0 <= overlap <= 24 * 90:
            raise CommandError("--overlap must be from 0 to 2160 hours.", returncode=2)
        new, text = keys.rotate(key=_found(key), overlap=timedelta(hours=overlap), at=timezone.now())
        return {"key": text, **_shown(new)}

    def _revoke(self, *, key: UUID | None, **options: Any) -> Report:
        found = _found(key)
        keys.revoke(key=found, at=timezone.now())
        found.refresh_from_db()
        return _shown(found)

    def _list(self, *, merchant: str | None, **options: Any) -> Report:
        found = ApiKey.objects.select_related("merchant", "store")
        owner = merchant_named(merchant)
        return {"keys": [_shown(key) for key in (found.filter(merchant=owner) if owner else found)]}


def _found(key: UUID | None) -> ApiKey:
    found = ApiKey.objects.select_related("merchant", "store").filter(pk=key).first() if key else None
    if found is None:
        raise NotFound("There is no such key; `api_key list` shows their ids.")
    return found


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.pk,
        "name": key.name,
        "begins_with": key.hint,
        "merchant": key.merchant.slug,
        "store": key.store.reference if key.store else None,
        "scopes": " ".join(key.scopes),
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }
