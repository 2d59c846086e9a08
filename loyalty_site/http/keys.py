"""API keys: making, rotating, revoking."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import DateTimeField, F, Q, Value
from django.db.models.functions import Least

from loyalty_site.http.models import ApiKey, Scope, StaffToken
from loyalty_site.http.secrets import API_KEY_PREFIX, STAFF_TOKEN_PREFIX, new_secret
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Merchant, Store, User

STAFF_TOKEN_LIFE = timedelta(days=90)


class InvalidKey(Refusal):
    """A key must have scopes, and the store door needs a store of that merchant."""

    code = "invalid_key"
    status = 422
    sentence = "This key cannot be made so."


class KeyIsDead(Refusal):
    """A revoked or expired key is not rotated."""

    code = "key_is_dead"
    sentence = "This key is revoked or expired; make a new one."


def make(
    *,
    merchant: Merchant,
    store: Store | None,
    name: str,
    scopes: list[str],
    at: datetime,
    expires_at: datetime | None = None,
    created_by: User | None = None,
    replaces: ApiKey | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown now and never again. Raises `InvalidKey`."""
    unknown = set(scopes) - set(Scope.values)
    if not scopes or unknown:
        raise InvalidKey(f"Scopes are: {', '.join(Scope.values)}.")
    if store is None and Scope.STORE in scopes:
        raise InvalidKey("A key for the store door belongs to a store.")
    if store is not None and store.merchant_id != merchant.pk:
        raise InvalidKey("The store belongs to another merchant.")
    if expires_at is not None and expires_at <= at:
        raise InvalidKey("The key would have expired already.")
    secret = new_secret(API_KEY_PREFIX)
    key = ApiKey.objects.create(
        merchant=merchant,
        store=store,
        name=name.strip() or "key",
        hint=secret.hint,
        digest=secret.digest,
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        created_by=created_by,
        replaces=replaces,
        created_at=at,
    )
    return key, secret.text


@transaction.atomic(savepoint=False)
def rotate(*, key: ApiKey, overlap: timedelta, at: datetime, created_by: User | None = None) -> tuple[ApiKey, str]:
    """A new key like `key`, which itself ends after `overlap`: time to bring the new one to the tills.

    The new key has no end of its own unless the old one had one; then it lives as long again. Raises `KeyIsDead`.
    """
    # An end that is nearer stays: LEAST leaves NULL out.
    ends = Least(F("expires_at"), Value(at + overlap, output_field=DateTimeField()))
    alive = Q(expires_at=None) | Q(expires_at__gt=at)
    if not ApiKey.objects.filter(alive, pk=key.pk, revoked_at=None).update(expires_at=ends):
        raise KeyIsDead
    return make(
        merchant=key.merchant,
        store=key.store,
        name=key.name,
        scopes=list(key.scopes),
        at=at,
        expires_at=at + (key.expires_at - key.created_at) if key.expires_at is not None else None,
        created_by=created_by,
        replaces=key,
    )


def revoke(*, key: ApiKey, at: datetime) -> None:
    """From now on the key opens nothing. Twice is once."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=at)


def make_staff_token(*, user: User, name: str, at: datetime) -> tuple[StaffToken, str]:
    """A token for the admin door that may do what the user may, for 90 days; its text is shown now, never again."""
    secret = new_secret(STAFF_TOKEN_PREFIX)
    token = StaffToken.objects.create(
        user=user,
        name=name.strip() or "token",
        hint=secret.hint,
        digest=secret.digest,
        expires_at=at + STAFF_TOKEN_LIFE,
        created_at=at,
    )
    return token, secret.text


def revoke_staff_token(*, token: StaffToken, at: datetime) -> None:
    """From now on the token opens nothing. Twice is once."""
    StaffToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at)
