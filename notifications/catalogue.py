"""The messages there are: for each code what it is about, on which channels it goes, and the variables it may name.

Both sides go by it: whoever queues a message gives these variables, whoever writes a text may use these and no other.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

from notifications.models import Channel
from notifications.variables import Kind, Plain, Variable

LOCALES = ("en", "fr", "de", "lb")


class MessageKind(StrEnum):
    """Transactional messages always go; marketing asks for consent and carries a way out."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateCode:
    """One message. `title` and `when` are for staff; `own` are its variables beside those of every message."""

    code: str
    kind: MessageKind
    title: Any
    when: Any
    channels: tuple[Channel, ...] = (Channel.EMAIL,)
    own: tuple[Variable, ...] = ()

    @property
    def variables(self) -> dict[str, Variable]:
        """Every variable a text of this message may name, by name."""
        return {each.name: each for each in (*COMMON, *self.own)}

    def samples(self, locale: str) -> dict[str, Plain]:
        """A made-up value for each variable, as whoever queues the message would give it."""
        return {name: variable.sample_in(locale) for name, variable in self.variables.items()}


# Every message has these. `unsubscribe_url` is there for marketing alone.
COMMON = (
    Variable("member.first_name", Kind.TEXT, _("first name, may be empty"), "Anna", required=False),
    Variable("program.name", Kind.TEXT, _("name of the program"), "Café Central Club"),
    Variable("merchant.name", Kind.TEXT, _("name of the business"), "Café Central"),
    Variable("card.number", Kind.TEXT, _("card number"), "4021 8830 1175", required=False),
    Variable("hub_url", Kind.URL, _("the member's own page"), "https://regulars.example/account/loyalty"),
    Variable(
        "unsubscribe_url", Kind.URL, _("ends marketing messages"), "https://regulars.example/u/sample", required=False
    ),
)

_POINTS = Variable("points", Kind.NUMBER, _("points it is about"), 250)
_ON_CARD = Variable("points", Kind.NUMBER, _("points on the card; may be 0"), 250)
_BENEFITS = Variable(
    "benefits",
    Kind.LIST,
    _("benefits of the tier, may be none"),
    {
        "en": ["Double points on Tuesdays", "A cake on your birthday"],
        "fr": ["Points doublés le mardi", "Une pâtisserie pour votre anniversaire"],
        "de": ["Doppelte Punkte am Dienstag", "Ein Stück Kuchen zum Geburtstag"],
        "lb": ["Duebel Punkten den Dënschdeg", "E Stéck Kuch fir Äre Gebuertsdag"],
    },
    required=False,
)
_SILVER = {"en": "Silver", "fr": "Argent", "de": "Silber", "lb": "Sëlwer"}
_GOLD = {"en": "Gold", "fr": "Or", "de": "Gold", "lb": "Gold"}
_SHORT_TOO = (Channel.EMAIL, Channel.SMS, Channel.PUSH)


def _nudge(
    name: str, title: Any, when: Any, headline: dict[str, str], body: dict[str, str], cta: dict[str, str]
) -> Any:
    return TemplateCode(
        code=f"loyalty_nudge_{name}",
        kind=MessageKind.MARKETING,
        title=title,
        when=when,
        channels=_SHORT_TOO,
        own=(
            Variable("headline", Kind.TEXT, _("headline of the nudge"), headline),
            Variable("body", Kind.TEXT, _("one or two sentences"), body, most=500),
            Variable("cta", Kind.TEXT, _("text of the button"), cta),
            Variable("cta_url", Kind.URL, _("where the button leads"), "https://regulars.example/account/loyalty"),
        ),
    )


_ALL = (
    TemplateCode(
        code="loyalty_join_confirmation",
        kind=MessageKind.TRANSACTIONAL,
        title=_("Confirmation of an address"),
        when=_("when somebody wants to join, where the program has addresses confirmed; they are no member yet"),
        own=(
            Variable("hub_url", Kind.URL, _("there is none yet"), "", required=False),
            Variable("card.number", Kind.TEXT, _("there is none yet"), "", required=False),
            Variable("confirm_url", Kind.URL, _("link that confirms"), "https://regulars.example/join/cafe/confirm/x"),
        ),
    ),
    TemplateCode(
        code="loyalty_enrollment",
        kind=MessageKind.TRANSACTIONAL,
        title=_("Welcome"),
        when=_("when somebody has joined"),
        own=(
            Variable("card_number", Kind.TEXT, _("card number"), "4021 8830 1175"),
            Variable(
                "apple_wallet_url", Kind.URL, _("card for Apple Wallet"), "https://regulars.example/w/a", required=False
            ),
            Variable(
                "google_wallet_url",
                Kind.URL,
                _("card for Google Wallet"),
                "https://regulars.example/w/g",
                required=False,
            ),
        ),
    ),
    TemplateCode(
        code="loyalty_welcome_bonus",
        kind=MessageKind.TRANSACTIONAL,
        title=_("Welcome bonus"),
        when=_("when the welcome bonus is on the card"),
        own=(_POINTS,),
    ),
    TemplateCode(
        code="loyalty_points_expiring",
        kind=MessageKind.TRANSACTIONAL,
        title=_("Points about to expire"),
        when=_("once, some days before points expire"),
        channels=_SHORT_TOO,
        own=(
            _POINTS,
            Variable("days_remaining", Kind.NUMBER, _("days left"), 14),
            Variable("expiration_date", Kind.DATE, _("the day, in the member's language"), "2027-03-01"),
        ),
    ),
    TemplateCode(
        code="loyalty_points_expired",
        kind=MessageKind.TRANSACTIONAL,
        title=_("Points expired"),
        when=_("when points have expired"),
        own=(_POINTS,),
    ),
    TemplateCode(
        code="loyalty_reward_ready",
        kind=MessageKind.TRANSACTIONAL,
        title=_("Stamp card full"),
        when=_("when the last stamp is on the card"),
        channels=_SHORT_TOO,
        own=(
            Variable(
                "reward",
                Kind.TEXT,
                _("what the stamps are good for, may be empty"),
                {"en": "A coffee on us", "fr": "Un café offert", "de": "Ein Kaffee aufs Haus", "lb": "E Kaffi gratis"},
                required=False,
            ),
            Variable("stamps", Kind.NUMBER, _("stamps on the full card"), 10),
        ),
    ),
    TemplateCode(
        code="loyalty_tier_upgrade",
        kind=MessageKind.MARKETING,
        title=_("Tier reached"),
        when=_("when a member rises to a tier"),
        own=(
            Variable("from", Kind.TEXT, _("tier before, may be empty"), _SILVER, required=False),
            Variable("to", Kind.TEXT, _("tier now"), _GOLD),
            _BENEFITS,
        ),
    ),
    TemplateCode(
        code="loyalty_tier_downgrade_warning",
        kind=MessageKind.MARKETING,
        title=_("Tier about to be lost"),
        when=_("some days before a member may be lowered"),
        own=(
            Variable("from", Kind.TEXT, _("tier now"), _GOLD),
            Variable("to", Kind.TEXT, _("tier below, may be empty"), _SILVER, required=False),
            _BENEFITS,
            Variable("downgrade_date", Kind.DATE, _("the day, in the member's language"), "2027-03-01"),
        ),
    ),
    _nudge(
        "expiring_points",
        _("Nudge: points about to expire"),
        _("some days before points expire, while the campaign runs"),
        {
            "en": "250 points expire soon",
            "fr": "250 points expirent bientôt",
            "de": "250 Punkte verfallen bald",
            "lb": "250 Punkte lafe geschwënn of",
        },
        {
            "en": "Use them by 1 March 2027.",
            "fr": "Utilisez-les avant le 1er mars 2027.",
            "de": "Nutzen Sie sie bis zum 1. März 2027.",
            "lb": "Benotzt se bis den 1. Mäerz 2027.",
        },
        {"en": "See rewards", "fr": "Voir les récompenses", "de": "Prämien ansehen", "lb": "D'Belounungen ukucken"},
    ),
    _nudge(
        "checkout_reminder",
        _("Nudge: something waits at the checkout"),
        _("when a checkout was left, while the campaign runs"),
        {
            "en": "Your reward is waiting",
            "fr": "Votre récompense vous attend",
            "de": "Ihre Prämie wartet",
            "lb": "Är Belounung waart op Iech",
        },
        {
            "en": "You chose a reward and did not finish your order.",
            "fr": "Vous avez choisi une récompense sans terminer votre commande.",
            "de": "Sie haben eine Prämie gewählt und die Bestellung nicht abgeschlossen.",
            "lb": "Dir hutt eng Belounung erausgesicht an d'Bestellung net ofgeschloss.",
        },
        {
            "en": "Finish your order",
            "fr": "Terminer la commande",
            "de": "Bestellung abschließen",
            "lb": "Bestellung ofschléissen",
        },
    ),
    _nudge(
        "redemption_follow_up",
        _("Nudge: a reward was not collected"),
        _("some days after a reward was asked for, while the campaign runs"),
        {
            "en": "Collect your reward",
            "fr": "Retirez votre récompense",
            "de": "Holen Sie Ihre Prämie ab",
            "lb": "Huelt Är Belounung of",
        },
        {
            "en": "It is set aside for you.",
            "fr": "Elle est mise de côté pour vous.",
            "de": "Sie liegt für Sie bereit.",
            "lb": "Si läit fir Iech prett.",
        },
        {"en": "See your reward", "fr": "Voir la récompense", "de": "Prämie ansehen", "lb": "D'Belounung ukucken"},
    ),
    TemplateCode(
        code="referral_invite",
        kind=MessageKind.TRANSACTIONAL,
        title=_("Invitation"),
        when=_("when a member invites somebody by e-mail; the member is who invites"),
        own=(
            Variable("hub_url", Kind.URL, _("there is none yet"), "", required=False),
            Variable("card.number", Kind.TEXT, _("there is none yet"), "", required=False),
            Variable("code", Kind.TEXT, _("code of the invitation"), "ANNA-7Q2K"),
            Variable(
                "share_url", Kind.URL, _("link of the invitation"), "https://regulars.example/join/cafe?ref=ANNA-7Q2K"
            ),
            Variable("points", Kind.NUMBER, _("points for who joins; may be 0"), 100),
        ),
    ),
    TemplateCode(
        code="referral_converted",
        kind=MessageKind.TRANSACTIONAL,
        title=_("Invitation accepted"),
        when=_("when somebody a member invited has accepted"),
        own=(
            Variable("code", Kind.TEXT, _("code of the invitation"), "ANNA-7Q2K"),
            Variable(
                "share_url", Kind.URL, _("link to invite others"), "https://regulars.example/join/cafe?ref=ANNA-7Q2K"
            ),
            Variable("points", Kind.NUMBER, _("points for who invited; may be 0"), 150),
        ),
    ),
    TemplateCode(
        code="loyalty_birthday",
        kind=MessageKind.MARKETING,
        title=_("Birthday"),
        when=_("on the member's birthday, where switched on"),
        own=(_ON_CARD,),
    ),
    TemplateCode(
        code="loyalty_we_miss_you",
        kind=MessageKind.MARKETING,
        title=_("We miss you"),
        when=_("after some time without a visit, where switched on"),
        own=(_ON_CARD,),
    ),
    TemplateCode(
        code="webhook_endpoint_off",
        kind=MessageKind.TRANSACTIONAL,
        title=_("Webhook endpoint switched off"),
        when=_("when a webhook endpoint was switched off; it goes to the owners"),
        own=(
            Variable("hub_url", Kind.URL, _("not for owners"), "", required=False),
            Variable("card.number", Kind.TEXT, _("not for owners"), "", required=False),
            Variable("endpoint", Kind.TEXT, _("what the endpoint is called"), "Shop"),
            Variable("gone", Kind.NUMBER, _("1 where it answered 410, 0 where every attempt failed"), 0),
            Variable(
                "console_url", Kind.URL, _("the endpoint in the console"), "https://regulars.example/admin/", True, 500
            ),
        ),
    ),
)

CODES: dict[str, TemplateCode] = {each.code: each for each in _ALL}
