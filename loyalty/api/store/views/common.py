"""What the calls of the store door share."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema

from loyalty.ledger_credit import Keeper
from loyalty.models import LedgerEntry, Member
from loyalty.operations import cards
from loyalty.queries import faces
from loyalty_site.http.at_once import AtOnce
from loyalty_site.http.views import Answer, StoreView
from loyalty_site.lateral import Reading
from loyalty_site.refusals import NotFound, Refusal

TAG = "Loyalty - Store"
OLDEST, NEWEST = timedelta(days=30), timedelta(minutes=5)


class OccurredAtOutOfRange(Refusal):
    """A till may send what happened up to 30 days ago, and up to 5 minutes ahead of our clock."""

    code = "occurred_at_out_of_range"
    status = 422
    sentence = "occurredAt may lie 30 days back and 5 minutes ahead."


def within_range(occurred_at: datetime | None, at: datetime) -> datetime | None:
    """`occurred_at`, where the API takes it. Raises `OccurredAtOutOfRange`."""
    if occurred_at is not None and not at - OLDEST <= occurred_at <= at + NEWEST:
        raise OccurredAtOutOfRange(field="occurred_at")
    return occurred_at


def call(operation_id: str, summary: str, example: dict[str, Any] | None = None, **more: Any) -> Any:
    """How a call of this door stands in the schema; `example` is of its request."""
    examples = [OpenApiExample("example", value=example, request_only=True)] if example is not None else []
    return extend_schema(tags=[TAG], operation_id=operation_id, summary=summary, examples=examples, **more)


class CardView(StoreView):
    """A call about one card, named by its number in the address."""

    def card(self, card_number: str, *, for_change: bool = False) -> Member:
        """The merchant's member with this card. Raises `NotFound`, `CardIsReplaced`."""
        return cards.find(merchant=self.merchant, card_number=card_number, for_change=for_change)

    def change_card(
        self, card_number: str, make: Callable[[Member, datetime], Answer], *, customer: bool = False
    ) -> HttpResponse:
        """Make a change to the card, once; `make` gets the member, locked, and the time.

        The member comes without the customer, unless asked for.
        """
        if not card_number.isprintable():
            raise NotFound

        def change(row: tuple[Any, ...] | None) -> Answer:
            # The clock is read behind the lock: whoever waited for it acts later than who held it.
            member = cards.found(row, merchant=self.merchant, card_number=card_number)
            answer = make(member, timezone.now())
            answer.about = member.customer_id
            return answer

        return self.change_of(faces.reading_card(self.merchant.pk, card_number, customer=customer), change)


class CardReadAlong(CardView):
    """A call about one card, which is read in the round trip that says who calls."""

    def reading_along(self) -> Reading | None:
        return faces.reading_card_of_caller(self.kwargs["card_number"])

    def write_at_once(
        self,
        write: Callable[[Member, datetime, Keeper | None], LedgerEntry | None],
        show: Callable[[LedgerEntry], dict[str, Any]],
    ) -> HttpResponse | None:
        """Write an entry of the card in one statement, and answer with it; None where nothing was done.

        `write` gets the member, not locked, the time, and who keeps the answer; it returns None if nothing was done.
        """
        if self.read_along is None:
            return None
        member = faces.member_alone(self.read_along)

        def make(keeper: AtOnce | None) -> Answer | None:
            if keeper is not None:
                keeper.shows(show, status=201, about=member.customer_id)
            entry = write(member, timezone.now(), keeper)
            return Answer(show(entry), 201) if keeper is None and entry is not None else None

        return self.change_at_once(make)


def base_of(view: StoreView) -> str:
    """Where the platform is reached from outside, without a slash at the end."""
    return settings.PUBLIC_URL or view.request.build_absolute_uri("/").rstrip("/")
