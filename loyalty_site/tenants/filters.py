"""List filters that name nothing of another merchant's."""

from typing import Any

from django.contrib.admin.options import ModelAdmin
from django.http import HttpRequest
from unfold.contrib.filters.admin import RelatedDropdownFilter

# More than this, and a list is no way to choose from.
_MOST_CHOICES = 500


class ScopedRelatedFilter(RelatedDropdownFilter):
    """A filter over a foreign key whose choices are rows that the user sees."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[Any, str]]:
        from loyalty_site.tenants.scoping import own_rows

        rows = own_rows(model_admin.admin_site, request.user, field.remote_field.model)
        return [(row.pk, str(row)) for row in rows[:_MOST_CHOICES]]

    def has_output(self) -> bool:
        # One choice is none: whoever works for one merchant need not be asked which.
        return len(self.lookup_choices) > 1
