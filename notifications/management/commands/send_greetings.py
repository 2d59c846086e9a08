"""Queue birthday greetings and "we miss you" by hand: the catch-up, or for one merchant."""

from notifications import greetings, jobs
from notifications.by_hand import JobCommand


class Command(JobCommand):
    help = (
        "Queue the messages on birthdays and after an absence that are due, where merchants switched them on: to "
        "members who agreed to marketing messages. Running it again sends nothing twice."
    )
    job = jobs.GREET
    chunk = greetings.CHUNK
    work = staticmethod(greetings.greet)
