import socket
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from loyalty_site.console.demo import mail_server, web


class Command(BaseCommand):
    help = "A mail server on this machine that keeps what it is sent in a folder; for the demo and for development."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--port", type=int, default=2525, help="default: 2525")
        parser.add_argument("--fd", type=int, help="a socket that listens already, instead")

    def handle(self, *, folder: Path, port: int, fd: int | None, **options: Any) -> None:
        listener = socket.socket(fileno=fd) if fd is not None else web.listen(port)
        with listener:
            mail_server.serve(listener, folder)
