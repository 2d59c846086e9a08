"""The words of next actions, by language. A table and not a catalogue: nothing needs to be compiled to speak it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """What a card says. Names in braces are filled in; `point` and `points` are the forms of the noun."""

    headline: str
    description: str
    cta: str


POINTS = {
    "en": ("point", "points"),
    "fr": ("point", "points"),
    "de": ("Punkt", "Punkte"),
    "lb": ("Punkt", "Punkten"),
}

REDEMPTION = {
    "en": Words(
        "{reward} is reserved for you",
        "{points} are set aside for it until {date}.",
        "See my rewards",
    ),
    "fr": Words(
        "{reward} : réservé pour vous",
        "{points} mis de côté jusqu'au {date}.",
        "Voir mes récompenses",
    ),
    "de": Words(
        "{reward} ist für Sie reserviert",
        "Dafür sind bis zum {date} {points} zurückgelegt.",
        "Meine Prämien ansehen",
    ),
    "lb": Words(
        "{reward} ass fir Iech reservéiert",
        "Dofir si bis den {date} {points} op d'Säit geluecht.",
        "Meng Präimie kucken",
    ),
}

# Where a checkout named no reward.
A_REWARD = {"en": "Your reward", "fr": "Votre récompense", "de": "Ihre Prämie", "lb": "Är Präimie"}

REFERRAL_SHARE = {
    "en": Words(
        "Share your code {code}",
        "Pass it on to friends before {date}; when they join with it, you both get points.",
        "Invite friends",
    ),
    "fr": Words(
        "Partagez votre code {code}",
        "Transmettez-le à vos amis avant le {date} ; s'ils s'inscrivent avec, vous gagnez des points tous les deux.",
        "Inviter des amis",
    ),
    "de": Words(
        "Teilen Sie Ihren Code {code}",
        "Geben Sie ihn vor dem {date} weiter; wer damit beitritt, bekommt Punkte, und Sie auch.",
        "Freunde einladen",
    ),
    "lb": Words(
        "Deelt Äre Code {code}",
        "Gitt en virum {date} u Frënn weider; wie sech domat umellt, kritt Punkten, an Dir och.",
        "Frënn invitéieren",
    ),
}

LANGUAGES = tuple(POINTS)


def language_of(*locales: str) -> str:
    """The first of these locales that we speak, as a language: `fr` of `fr-LU`; English where there is none."""
    for locale in locales:
        language = locale.replace("_", "-").partition("-")[0].lower()
        if language in LANGUAGES:
            return language
    return "en"
