"""From code, channel, language and values to what is sent.

renderer = Renderer.load(merchant_ids, codes)
rendered = renderer.render("loyalty_reward_ready", "email", ["lb", "fr", "en"], variables, merchant_id=...)
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from notifications import mail_html
from notifications.catalogue import CODES, MessageKind
from notifications.models import Channel, MessageTemplate, TemplateOverride
from notifications.models.templates import Wording
from notifications.template_language import TemplateRefused, check, written
from notifications.variables import filled_in

_log = logging.getLogger(__name__)
# A subject is one line, whatever somebody is called.
_CONTROL = re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+")
# Where a condition was not met, or a loop went round, lines are left empty.
_GAP = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_BETWEEN_ITEMS = re.compile(r"^(- .*)\n\n(?=- )", re.MULTILINE)
_Place = tuple[UUID | None, UUID | None, str, str, str]


class NoTemplate(LookupError):
    """There is no text of this code for this channel, in none of the languages."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is sent: `html` of an e-mail alone, `subject` of an e-mail or a push message."""

    subject: str
    html: str
    text: str
    locale: str
    is_override: bool


@dataclass(slots=True)
class Renderer:
    """The texts of one batch of messages, read once."""

    _texts: dict[_Place, Wording] = field(default_factory=dict)
    _broken: set[UUID] = field(default_factory=set)

    @classmethod
    def load(cls, merchant_ids: Iterable[UUID], codes: Iterable[str]) -> "Renderer":
        """Read the defaults of these messages, and these merchants' own texts of them: two queries."""
        renderer, wanted = cls(), set(codes)
        for default in MessageTemplate.objects.filter(code__in=wanted):
            renderer._texts[None, None, default.code, default.channel, default.locale] = default
        for own in TemplateOverride.objects.filter(merchant__in=set(merchant_ids), code__in=wanted):
            renderer._texts[own.merchant_id, own.store_id, own.code, own.channel, own.locale] = own
        return renderer

    def render(
        self,
        code: str,
        channel: str,
        locales: Sequence[str],
        variables: Mapping[str, Any],
        *,
        merchant_id: UUID,
        store_id: UUID | None = None,
    ) -> Rendered:
        """The message in the first of the languages there is a text in: the store's, the merchant's, or the default.

        `locales` may hold such as "de-AT" and empty texts. `variables` are those that `catalogue` names for the code,
        plain values by their dotted names. Raises `NoTemplate` and `BadVariables`.
        """
        for locale in dict.fromkeys(_language(each) for each in locales):
            for home, store in dict.fromkeys([(merchant_id, store_id), (merchant_id, None), (None, None)]):
                text = self._texts.get((home, store, code, channel, locale))
                if text is not None and self._can_be_used(text):
                    return compose(text, variables, is_override=home is not None)
        raise NoTemplate(f"{code} on {channel} in {', '.join(locales)}")

    def _can_be_used(self, text: Wording) -> bool:
        """Whether it passes today: a text stored under an older catalogue must not stop the message."""
        if not isinstance(text, TemplateOverride):
            return True
        if text.pk not in self._broken:
            for refusal in problems(text).values():
                _log.error("own text %s cannot be used, the next one is sent: %s", text.pk, refusal.detail)
                self._broken.add(text.pk)
        return text.pk not in self._broken


def compose(text: Wording, variables: Mapping[str, Any], *, is_override: bool) -> Rendered:
    """One message from one text, stored or not. Raises `TemplateRefused` and `BadVariables`."""
    code = CODES[text.code]
    context = filled_in(code.variables, variables, text.locale)
    if code.kind != MessageKind.MARKETING:
        context["unsubscribe_url"] = ""
    subject = _CONTROL.sub(" ", written(text.subject, context, as_html=False)).strip()
    if text.channel != Channel.EMAIL:
        plain = written(text.text, context, as_html=False).strip()
        return Rendered(subject, "", plain, text.locale, is_override)
    body = mail_html.cleaned(written(text.html, context, as_html=True))
    footer = mail_html.cleaned(written(mail_html.source(f"{text.locale}/footer.html"), context, as_html=True))
    html = mail_html.framed(body, footer, subject=subject, locale=text.locale, context=context)
    plain = written(text.text, context, as_html=False).strip() or mail_html.as_text(body)
    plain = _BETWEEN_ITEMS.sub(r"\1\n", _GAP.sub("\n\n", plain))
    return Rendered(subject, html, f"{plain}\n\n-- \n{mail_html.as_text(footer)}\n", text.locale, is_override)


def problems(text: Wording) -> dict[str, TemplateRefused]:
    """Why the text cannot be sent, by field; empty where it can."""
    if text.code not in CODES:
        return {"code": TemplateRefused(_("There is no such message."))}
    found = {}
    for part in ("subject", "html", "text"):
        try:
            check(getattr(text, part), CODES[text.code].variables)
        except TemplateRefused as refusal:
            found[part] = refusal
        if part in needed(text.channel) and not getattr(text, part).strip():
            found[part] = TemplateRefused(_("It cannot be empty."))
    return found


def needed(channel: str) -> tuple[str, ...]:
    """The fields without which there is nothing to send."""
    return {Channel.EMAIL: ("subject", "html"), Channel.PUSH: ("subject", "text")}.get(Channel(channel), ("text",))


def _language(locale: str) -> str:
    return locale.replace("_", "-").partition("-")[0].lower()
