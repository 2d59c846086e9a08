"""What every view of the admin door has in common: it begins at the merchants of whoever calls."""

from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework import exceptions

from loyalty_site.http.views import StaffView
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants import permissions
from loyalty_site.tenants.models import Merchant

TAG = "Loyalty - Admin"

Row = TypeVar("Row", bound=Model)


class WhichMerchant(Refusal):
    """The user works for several merchants, and has to say which one is meant."""

    code = "which_merchant"
    status = 422
    sentence = "Name the merchant."


class StaffDoor(StaffView):
    """A view of the admin door. `sees` is the permission that a row is there for; `permissions` says more by method."""

    sees: ClassVar[str] = ""

    def merchants(self, permission: str | None = None) -> list[UUID] | None:
        """Ids of the merchants at which the user holds the permission (`sees`); None is every one."""
        if permissions.is_platform(self.user):
            return None
        return permissions.merchants_where(self.user, permission or self.sees)

    def seen(self, rows: QuerySet[Row], path: str = "merchant_id") -> QuerySet[Row]:
        """The rows that are there for the user; `path` leads from a row to the merchant's id."""
        ids = self.merchants()
        return rows if ids is None else rows.filter(**{f"{path}__in": ids})

    def one(self, rows: QuerySet[Row], pk: UUID, path: str = "merchant_id") -> Row:
        """The row with this id. Raises `NotFound`, for another merchant's too."""
        row = self.seen(rows, path).filter(pk=pk).first()
        if row is None:
            raise NotFound
        return row

    def demand(self, merchant_id: Any) -> None:
        """Raise PermissionDenied unless the user may do at this merchant what the method does."""
        permission = self.permissions.get(self.request.method or "")
        if permission is not None and not self.may(permission, merchant_id):
            raise exceptions.PermissionDenied("Your role at this merchant does not allow this.", "wrong_role")

    def merchant_named(self, slug: str) -> Merchant:
        """The merchant with this slug, at whom the user may do what the method does. Raises `NotFound`."""
        merchant = self.seen(Merchant.objects.all(), "pk").filter(slug=slug).first()
        if merchant is None:
            raise NotFound
        self.demand(merchant.pk)
        return merchant
