"""Pages of long tables."""

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

_MOST = 10_000


class BoundedPaginator(Paginator):
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


class ScopedChangeList(ChangeList):
    """A list that does not speak of a total it has not counted."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count
