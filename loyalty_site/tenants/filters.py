"""List filters: they name nothing of another merchant's, and take days as people write them."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.contrib.filters.admin import RangeDateTimeFilter, RelatedDropdownFilter

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


class PeriodFilter(RangeDateTimeFilter):
    """From a moment to a moment, written as the reader's language writes them. A day without a time is the whole day.

    Unfold's own filter takes no notice of a day without a time, nor of one in another language, and says nothing.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        bounds = {}
        for end, lookup, usual in (("from", "gte", time.min), ("to", "lte", time.max)):
            day, hour = (self.used_parameters.get(f"{self.parameter_name}_{end}_{part}") or "" for part in (0, 1))
            if not day and not hour:
                continue
            try:
                date, clock = forms.DateField().clean(day), forms.TimeField(required=False).clean(hour)
                bounds[f"{self.field_path}__{lookup}"] = timezone.make_aware(datetime.combine(date, clock or usual))
            except ValidationError:
                messages.warning(request, _("This is no day and time: %s") % f"{day} {hour}".strip()[:50])
        return queryset.filter(**bounds)
