import secrets
from typing import Any

from django.conf import settings

from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.refusals import Refusal
from notifications.channels import webpush


class NoLibrary(Refusal):
    """The extra `webpush` is not installed."""

    code = "webpush_not_installed"
    sentence = "pywebpush is not installed: it is the extra `webpush`."


class Command(ReportCommand):
    help = "A new VAPID key for pushes to browsers; where WEBPUSH_PRIVATE_KEY is set, the public half of that one."

    def report(self, **options: Any) -> Report:
        if not webpush.IS_INSTALLED:
            raise NoLibrary
        known = settings.WEBPUSH_PRIVATE_KEY
        private = known or secrets.token_urlsafe(32)
        made = {} if known else {"WEBPUSH_PRIVATE_KEY": private}
        return {**made, "public_key": webpush.public_key(private)}
