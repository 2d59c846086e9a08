"""Pages of long tables."""

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

_MOST = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to ten thousand and no further: an exact count of millions of rows costs more than the page itself.

    What lies beyond is found by searching and filtering.
    """

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        if rows.query.is_sliced:
            return rows.count()
        return rows.order_by().values("pk")[:_MOST].count()
