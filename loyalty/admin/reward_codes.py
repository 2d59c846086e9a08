"""Filling a reward's pool of codes from a file."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminFileFieldWidget

from loyalty.admin.deeds import Deed, Done, KeyedForm
from loyalty.models import Reward
from loyalty.operations import reward_codes
from loyalty_site.tenants.models import User

MOST_NAMED = 10


class CodesForm(KeyedForm):
    """A file of codes."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".txt,.csv,text/plain,text/csv"}),
        help_text=gettext_lazy(
            "A text with one code a line, or a CSV with the codes in its first column; UTF-8, up to 2 MB, 50,000 codes."
        ),
    )

    def clean_file(self) -> list[str]:
        given: UploadedFile = self.cleaned_data["file"]
        if (given.size or 0) > reward_codes.MOST_BYTES:
            raise forms.ValidationError(gettext_lazy("The file is larger than 2 MB."))
        try:
            return reward_codes.read(given.read(), given.name or "")
        except reward_codes.InvalidCodes as refusal:
            raise forms.ValidationError(refusal.detail) from refusal

    @property
    def facts(self) -> list[tuple[str, str]]:
        left = self.row.codes.filter(redemption=None).count()
        given = self.row.codes.filter(redemption__isnull=False).count()
        return [(_("Codes left"), f"{left:,}"), (_("Codes given"), f"{given:,}")]


def _upload(reward: Reward, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    report = reward_codes.upload(reward=reward, codes=typed["file"])
    said = [ngettext("%(count)s code added.", "%(count)s codes added.", report.added) % {"count": f"{report.added:,}"}]
    if report.repeated:
        said.append(_("Twice in the file, kept once: %(codes)s.") % {"codes": _named(report.repeated)})
    if report.known:
        said.append(_("There before: %(codes)s.") % {"codes": _named(report.known)})
    return Done(" ".join(said), record=f"Codes uploaded: {report.added:,} added, {len(report.known):,} known")


def _named(codes: list[str]) -> str:
    shown = ", ".join(codes[:MOST_NAMED])
    more = len(codes) - MOST_NAMED
    return shown if more <= 0 else _("%(codes)s and %(more)s more") % {"codes": shown, "more": f"{more:,}"}


UPLOAD = Deed(
    "codes",
    gettext_lazy("Upload codes"),
    gettext_lazy("Upload"),
    _upload,
    CodesForm,
    gettext_lazy("Each code is given once, to one member, when the reward is handed out."),
    possible=lambda reward: reward.gives_codes,
)
