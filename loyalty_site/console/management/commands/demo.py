import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from loyalty.models import Member
from loyalty_site import embedded
from loyalty_site.console.demo import merchants, plans, seeding, static, tills, web
from loyalty_site.console.demo.people import ONE_DAY
from loyalty_site.console.demo.processes import Processes
from loyalty_site.jobs import schedule_rows
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.jobs.models import Run

READY_SECONDS = 60


class Command(ReportCommand):
    help = (
        "Show Regulars running: two made-up merchants with a year of history, web and worker, until Ctrl-C. The first "
        "start makes the data, later ones keep it. Exit codes: 0 ended by a signal, 1 a part of it failed, 2 refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0: any free one")
        parser.add_argument("--no-serve", action="store_true", help="make the data and end")
        parser.add_argument(
            "--days", type=int, default=seeding.DAYS, help="how long a past to make at the first start; default: 365"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.processes: Processes | None = None
        try:
            # Prints the report, once the site answers where it is served, or leaves with 2.
            super().handle(*args, **options)
            if self.processes is not None:
                sys.exit(self._wait())
        except (KeyboardInterrupt, DatabaseError) as error:
            if not _is_interrupt(error):
                raise
            # Once there are processes, Ctrl-C ends the wait instead.
            self.stderr.write("Ended before it was ready; the next start goes on from here.", style_func=str)
            sys.exit(130)
        finally:
            if self.processes is not None:
                self.processes.__exit__()

    def report(self, *, port: int, no_serve: bool, days: int, **options: Any) -> Report:
        if not 1 <= days <= 3650:
            raise CommandError("--days must be from 1 to 3650.", returncode=2)
        if _is_migrated():
            seeding.refuse_where_others_live(own_database=settings.EMBEDDED_DATABASE)
        # Taken before anything is made, so that a port in use costs nobody a minute.
        listener = None if no_serve else web.listen(port)
        with _quietly():
            seeded = self._prepare(days)
        shown = {
            "data": "made now" if seeded.created else "kept from before",
            "from": seeded.as_of - seeded.days * ONE_DAY,
            "to": seeded.as_of,
            "merchants": ", ".join(plan.name for plan in plans.merchants()),
            "members": Member.objects.filter(merchant__slug__in=[plan.slug for plan in plans.merchants()]).count(),
        }
        if listener is None:
            return {**shown, "logins": merchants.logins(), "tills": tills.tills(timezone.now())}
        with listener:
            return {**self._serve(listener), **shown, "logins": self.logins, "tills": self.tills}

    def _prepare(self, days: int) -> seeding.Seeded:
        self._say("Bringing the database up to date ...")
        call_command("migrate", verbosity=0, interactive=False)
        schedule_rows.sync()
        if static.collect():
            self._say("Collected static files.")
        if not Run.objects.filter(job=seeding.JOB, status=Run.Status.SUCCEEDED).exists():
            self._say("Making two merchants and their year, once ...")
        with self.progress("Days", total=days) as advance:
            return seeding.seed(at=timezone.now(), days=days, advance=advance)

    def _serve(self, listener: socket.socket) -> dict[str, Any]:
        """Start web and worker; return once the site answers. Leaves with 1 where it does not."""
        self._say("Starting web, worker and a mail server ...")
        self.processes = processes = Processes(embedded.directory() / "log").__enter__()
        address = f"http://{web.HOST}:{listener.getsockname()[1]}/"
        manage = str(Path(settings.BASE_DIR) / "manage.py")
        mail = embedded.directory() / "mail"
        # Any free port: only the others need to know it.
        with web.listen(0) as mailbox:
            environment = _environment(address, mail, mailbox.getsockname()[1])
            processes.start(
                "mail",
                [sys.executable, manage, "mail_sink", str(mail), f"--fd={mailbox.fileno()}"],
                environment=environment,
                pass_fds=[mailbox.fileno()],
            )
        processes.start(
            "web",
            [*_GUNICORN, f"--bind=fd://{listener.fileno()}", f"--chdir={settings.BASE_DIR}"],
            environment=environment,
            pass_fds=[listener.fileno()],
        )
        processes.start("worker", [sys.executable, manage, "run_worker"], environment=environment)
        # Slow on purpose, as passwords are, and so done while the others start.
        self.logins = merchants.logins()
        self.tills = tills.tills(timezone.now())
        # The children have connections of their own; ours would only be idle.
        connections.close_all()
        answers = web.wait_until_it_answers(
            f"{address}admin/login/", seconds=READY_SECONDS, is_over=lambda: processes.are_over
        )
        if not answers and not processes.are_over:
            self._fail("web does not answer", processes.named("web").last_lines())
        if processes.are_over:
            # Before there was anything to show.
            sys.exit(self._wait())
        return {
            "address": address,
            "console": f"{address}admin/",
            "api": f"{address}docs",
            "platform_mail": f"{address}admin/mail/",
            "logs": _shown(processes.logs),
        }

    def _wait(self) -> int:
        assert self.processes is not None  # noqa: S101 (a report that returned has started them)
        if not self._json and not self.processes.are_over:
            self._say("Ready. Ctrl-C ends everything.")
        self.stdout.flush()
        child = self.processes.wait()
        if child is not None:
            self._fail(f"The {child.name} process has ended by itself", child.last_lines())
        self._say("Ending ...")
        return 0

    def _fail(self, what: str, log: str) -> None:
        self.stderr.write(f"{what}; so the demo ends. The end of its log:\n{log}")
        sys.exit(1)

    def _say(self, text: str) -> None:
        if not self._json:
            self.stderr.write(text, style_func=str)
            self.stderr.flush()


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: in the middle of a commit it leaves a connection that cannot end its transaction."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


_GUNICORN = (
    sys.executable,
    "-m",
    "gunicorn",
    "loyalty_site.wsgi",
    "--config=python:loyalty_site.web",
    "--workers=1",
    "--graceful-timeout=5",
)


# Nothing goes to a phone: without credentials texts and pushes are written down.
_PROVIDERS = ("SMS_ACCOUNT", "FCM_CREDENTIALS", "WEBPUSH_PRIVATE_KEY")


def _environment(address: str, mail: Path, mail_port: int) -> dict[str, str]:
    """What the children read: plain HTTP and mail on this machine, whatever the shell says."""
    environment = {
        **os.environ,
        "PUBLIC_URL": address,
        "EMAIL_URL": f"smtp://{web.HOST}:{mail_port}",
        "MAIL_PROVIDER": "",
        "MAIL_FROM": "loyalty@regulars.example.com",
        "MAIL_SINK": str(mail),
        "MESSAGE_SINK": str(mail.parent / "messages"),
        **dict.fromkeys(_PROVIDERS, ""),
        "BEHIND_TLS": "0",
        "ALLOWED_HOSTS": f"{web.HOST},localhost",
        "LOG_STREAM": "stdout",
        "ENVIRONMENT_LABEL": "Demo",
    }
    for name in _PROVIDERS:
        environment.pop(f"{name}_FILE", None)
    if settings.SECRET_KEY_IS_RANDOM:
        environment["SECRET_KEY"] = embedded.kept_secret_key(embedded.directory() / "secret_key")
    return environment


def _is_migrated() -> bool:
    return Run._meta.db_table in connection.introspection.table_names()


def _shown(path: Path) -> str:
    base = Path(settings.BASE_DIR)
    return str(path.relative_to(base) if path.is_relative_to(base) else path)


@contextmanager
def _quietly() -> Iterator[None]:
    """A year's enrolments are not worth a line each; what fails is raised."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
