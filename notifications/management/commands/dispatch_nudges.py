"""Queue the messages of nudges that are due by hand: the catch-up, or for one merchant."""

from notifications.by_hand import JobCommand
from notifications.nudges import dispatching, jobs


class Command(JobCommand):
    help = (
        "Queue one message for every nudge that is due: of a member who agreed to marketing messages and has had none "
        "of the campaign within its cap. Running it again sends nothing twice."
    )
    job = jobs.DISPATCH
    chunk = dispatching.CHUNK
    work = staticmethod(dispatching.dispatch)
