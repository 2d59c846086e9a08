"""Bringing all nudges in line with their signals, merchant after merchant, in chunks that commit."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog
from django.db import connection, transaction

from loyalty.models import Program
from loyalty.operations import walking
from loyalty_site.tenants.models import Merchant
from notifications.nudges import campaigns, refreshing, walks
from notifications.nudges.walks import CHUNK

log = structlog.get_logger("loyalty.nudges")

Advance = Callable[[int], None]


def aggregate(
    *,
    merchants: Iterable[Merchant],
    at: datetime,
    chunk: int = CHUNK,
    dry_run: bool = False,
    told: Advance = lambda members: None,
) -> Counter[str]:
    """Make, renew and expire the nudges of every member with a signal or a nudge at `at`; each chunk commits.

    Counts merchants, members looked at, created, renewed and expired nudges. Running again does only what is left, and
    two at once do nothing twice. With `dry_run` nothing is written. `told` hears of the members of each chunk.
    """
    counts: Counter[str] = Counter(dict.fromkeys(("merchants", "members", *refreshing.COUNTS), 0))
    for merchant in merchants:
        counts["merchants"] += 1
        speaking = campaigns.in_force(merchant.pk, at=at)
        program = Program.objects.filter(merchant=merchant, is_active=True).first() if merchant.is_active else None
        done: Counter[str] = Counter()
        for members in walks.concerned(merchant.pk, program, at=at, chunk=chunk):
            with transaction.atomic():
                with connection.cursor() as cursor:
                    walking.pin_nested_loops(cursor)
                if dry_run:
                    done.update(refreshing.foreseen(members, speaking, at=at).counts)
                else:
                    done.update(refreshing.refresh(merchant.pk, members, speaking, at=at))
            done["members"] += len(members)
            told(len(members))
        counts.update(done)
        if done:
            log.info("aggregated", merchant=merchant.slug, **done)
    return counts
