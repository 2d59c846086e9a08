"""What messages say: the texts every merchant begins with, and those that a merchant wrote instead."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant, Store
from notifications.models.preferences import Channel


class Wording(models.Model):
    """One message on one channel in one language, in the template language of `template_language`.

    A subject is an e-mail's, or a push message's title; HTML is an e-mail's alone. An e-mail without a text gets one
    made from its HTML.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.CharField(_("message"), max_length=60)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    locale = models.CharField(_("language"), max_length=10)
    subject = models.CharField(_("subject"), max_length=300, blank=True, default="")
    html = models.TextField(_("HTML"), blank=True, default="")
    text = models.TextField(_("text"), blank=True, default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.code}, {self.get_channel_display()}, {self.locale}"


class MessageTemplate(Wording):
    """A default, as `seed_message_templates` reads it from the files; nobody edits it in the database."""

    class Meta:
        db_table = "loyalty_message_templates"
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        constraints = [
            models.UniqueConstraint(fields=["code", "channel", "locale"], name="one_template_a_message"),
        ]


class TemplateOverride(Wording):
    """A merchant's own wording, for all its stores or for one; without it the default is sent."""

    merchant = models.ForeignKey(
        # The unique constraint below begins with it.
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )  # fmt: skip
    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("store"),
        help_text=_("Empty: every store that has no text of its own."),
    )
    updated_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)

    class Meta:
        db_table = "loyalty_message_template_overrides"
        verbose_name = _("own text")
        verbose_name_plural = _("own texts")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "code", "channel", "locale", "store"],
                nulls_distinct=False,
                name="one_override_a_place",
                violation_error_message=_("There is a text of your own for this message already."),
            ),
        ]
