"""Handing a batch to a provider over HTTP: some at a time, and what the provider's silence means."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx2

from notifications import outbound
from notifications.channels.base import ChannelDown, Outcome, Outgoing, Result

logger = logging.getLogger(__name__)

# Calls under way at once, of one batch.
AT_ONCE = 8
SECONDS = 20.0


def provider_client() -> httpx2.Client:
    """A client for one provider, which settings name: connections are kept, nothing is followed."""
    limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE, keepalive_expiry=30)
    return httpx2.Client(timeout=SECONDS, limits=limits, follow_redirects=False)


def each(batch: Sequence[Outgoing], send: Callable[[Outgoing], Outcome]) -> list[Outcome]:
    """`send` for each, some at a time; one outcome each, in order.

    Raises `ChannelDown` where nothing could be handed over because the provider is not there. Where it goes away on the
    way, what was sent is known to be, and the rest is deferred.
    """
    if not batch:
        return []

    def attempt(outgoing: Outgoing) -> Outcome | ChannelDown:
        try:
            return send(outgoing)
        except ChannelDown as down:
            return down
        except Exception as error:
            # One message's defect is its own: what became of the others is known.
            name = type(error).__name__
            logger.error("A message of %s cannot be handed over: %s", outgoing.code, name)  # noqa: TRY400 (as in email)
            return Outcome(result=Result.REFUSED, error=f"It cannot be handed over: {name}.")

    # The first alone: a provider that is down is asked once.
    found = [attempt(batch[0])]
    if isinstance(found[0], ChannelDown):
        raise found[0]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="provider") as threads:
        found += threads.map(attempt, batch[1:])
    return [deferred(one) if isinstance(one, ChannelDown) else one for one in found]


def deferred(down: ChannelDown) -> Outcome:
    """The outcome of a message that was not handed over because the provider went away."""
    return Outcome(result=Result.DEFERRED, error=str(down), retry_after=down.retry_after, is_busy=True)


def busy(status: int, headers: Any) -> Outcome:
    """The outcome where a provider answers 429 or 5xx."""
    after = outbound.retry_after(headers, now=datetime.now(UTC))
    return Outcome(result=Result.DEFERRED, error=f"The provider answers {status}.", retry_after=after, is_busy=True)


def facts_of(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object of an answer; an empty one where it is something else."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def word(said: object) -> str:
    """An id or code of the provider's as we keep it: what is no plain text of ours to store is left out."""
    return "".join(sign for sign in said if " " < sign <= "~")[:255] if isinstance(said, str) else ""


def failed(error: httpx2.HTTPError) -> ChannelDown:
    """The provider could not be reached, or broke off."""
    return ChannelDown(f"{type(error).__name__}: no answer from the provider.")
