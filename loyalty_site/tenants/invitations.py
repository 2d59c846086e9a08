"""Letting somebody in: who may be given a role, and the link with which they choose a password."""

from uuid import UUID

from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from loyalty_site.refusals import Refusal
from loyalty_site.tenants import permissions
from loyalty_site.tenants.models import User


class NotYoursToInvite(Refusal):
    """The address belongs to an account over which the inviting owner has no say."""

    code = "not_yours_to_invite"
    sentence = "This address cannot be invited here. Ask the platform's people to give this person a role."


def account_of(email: str, *, inviter: User, merchant_id: UUID | None) -> User | None:
    """The account of this address, if there is one and the inviter may give it a role at the merchant.

    An account that works for anybody else is refused to an owner: whoever made it first holds its password, and an
    address proves nothing. Raises `NotYoursToInvite`.
    """
    account = User.objects.filter(email__iexact=email).first()
    if account is not None and not permissions.is_platform(inviter) and not _is_of(account, merchant_id):
        raise NotYoursToInvite
    return account


def password_link(request: HttpRequest, user: User) -> str:
    """An address at which the user chooses a password: once, and within PASSWORD_RESET_TIMEOUT."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("admin:invitation", args=[uid, default_token_generator.make_token(user)])
    return request.build_absolute_uri(path)


def _is_of(account: User, merchant_id: UUID | None) -> bool:
    """Whether the account works for this merchant and nobody else."""
    places = set(account.staff_roles.values_list("merchant_id", flat=True))
    return places == {merchant_id} and not account.is_superuser
