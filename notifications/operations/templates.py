"""The default texts: from the files in `fixtures/notifications` into the database."""

import re
from collections.abc import Iterator

from django.db import transaction

from notifications import mail_html
from notifications.catalogue import CODES, LOCALES
from notifications.models import Channel, MessageTemplate

_SUBJECT = re.compile(r"\A\s*<title>(.*?)</title>\s*", re.DOTALL)
_WORDS = ("subject", "html", "text")
_PLACE = ("code", "channel", "locale")


@transaction.atomic(savepoint=False)
def seed() -> dict[str, int]:
    """Make the defaults what the files say, and count what that changed; a merchant's own texts are not touched.

    A default whose file is gone goes as well. Doing it again changes nothing, and two at once do it once.
    """
    wanted = {_place(each): each for each in sources()}
    there = {_place(each): each for each in MessageTemplate.objects.all()}
    fresh = [each for place, each in wanted.items() if place not in there]
    changed = [each for place, each in wanted.items() if place in there and _words(each) != _words(there[place])]
    gone = [each.pk for place, each in there.items() if place not in wanted]
    if fresh or changed:
        MessageTemplate.objects.bulk_create(
            fresh + changed, update_conflicts=True, unique_fields=_PLACE, update_fields=_WORDS
        )
    if gone:
        MessageTemplate.objects.filter(pk__in=gone).delete()
    return {
        "templates": len(wanted),
        "added": len(fresh),
        "changed": len(changed),
        "removed": len(gone),
        "unchanged": len(wanted) - len(fresh) - len(changed),
    }


def sources() -> Iterator[MessageTemplate]:
    """What the files say: one text for every message, channel and language."""
    for code in CODES.values():
        for locale in LOCALES:
            for channel in code.channels:
                subject, html, text = _read(code.code, channel, locale)
                yield MessageTemplate(
                    code=code.code, channel=channel, locale=locale, subject=subject, html=html, text=text
                )


def _read(code: str, channel: Channel, locale: str) -> tuple[str, str, str]:
    """Subject, HTML and text. An e-mail's title is its subject; a push message's first line is its title."""
    if channel == Channel.EMAIL:
        markup = mail_html.source(f"{locale}/{code}.html")
        subject, html = _SUBJECT.findall(markup)[0], _SUBJECT.sub("", markup).strip()
        return subject.strip(), html, mail_html.as_text(html)
    text = mail_html.source(f"{locale}/{code}.{channel}.txt").strip()
    if channel == Channel.PUSH:
        title, _, text = text.partition("\n")
        return title.strip(), "", text.strip()
    return "", "", text


def _place(text: MessageTemplate) -> tuple[str, ...]:
    return tuple(str(getattr(text, name)) for name in _PLACE)


def _words(text: MessageTemplate) -> tuple[str, ...]:
    return tuple(getattr(text, name) for name in _WORDS)
