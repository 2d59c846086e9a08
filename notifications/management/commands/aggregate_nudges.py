"""Bring nudges in line with their signals by hand: the catch-up, or for one merchant."""

from notifications.by_hand import JobCommand
from notifications.nudges import aggregating, jobs


class Command(JobCommand):
    help = (
        "Make, renew and expire nudges from what members have: points about to expire, something left at a checkout, "
        "a reward not picked up. Running it again does only what is left."
    )
    job = jobs.AGGREGATE
    chunk = aggregating.CHUNK
    work = staticmethod(aggregating.aggregate)
