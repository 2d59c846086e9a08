from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReferralsConfig(AppConfig):
    name = "referrals"
    verbose_name = _("Referrals")

    def ready(self) -> None:
        from referrals import grants, personal_data, subscribers  # noqa: F401 (importing it subscribes)

        grants.declare()
        personal_data.register()
