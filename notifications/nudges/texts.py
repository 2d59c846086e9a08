"""The words of nudges, by language. A table and not a catalogue: nothing needs to be compiled to speak it."""

from loyalty.next_action_texts import Words

# What is filled in: {points} is a number with its noun, {date} a day, {reward} and {code} what they are.
EXPIRING_POINTS = {
    "en": Words(
        "{points} to use before {date}",
        "Whatever is left by then expires. Have a look at what you can get for it.",
        "See the rewards",
    ),
    "fr": Words(
        "{points} à utiliser avant le {date}",
        "Ce qui reste à cette date sera perdu. Découvrez ce que vous pouvez en faire.",
        "Voir les récompenses",
    ),
    "de": Words(
        "{points} vor dem {date} einlösen",
        "Was dann noch übrig ist, verfällt. Sehen Sie nach, was Sie dafür bekommen.",
        "Prämien ansehen",
    ),
    "lb": Words(
        "{points} anzeléise virum {date}",
        "Wat dann nach iwwreg ass, verfält. Kuckt no, wat Dir dofir kritt.",
        "Präimie kucken",
    ),
}

CHECKOUT_REDEMPTION = {
    "en": Words(
        "{reward} is waiting for you",
        "You chose it at the checkout for {points}. It is yours to take until {date}.",
        "See my rewards",
    ),
    "fr": Words(
        "{reward} vous attend",
        "Vous avez choisi cette récompense au paiement, pour {points}. Profitez-en jusqu'au {date}.",
        "Voir mes récompenses",
    ),
    "de": Words(
        "{reward} wartet auf Sie",
        "Sie haben diese Prämie an der Kasse für {points} ausgesucht. Sie können sie bis zum {date} nutzen.",
        "Meine Prämien ansehen",
    ),
    "lb": Words(
        "{reward} waart op Iech",
        "Dir hutt dës Präimie un der Keess fir {points} erausgesicht. Dir kënnt se bis den {date} notzen.",
        "Meng Präimie kucken",
    ),
}

CHECKOUT_REFERRAL = {
    "en": Words(
        "Your code {code} has not been shared yet",
        "Pass it on to friends before {date}; who joins with it brings points to you both.",
        "Invite friends",
    ),
    "fr": Words(
        "Votre code {code} n'a pas encore été partagé",
        "Transmettez-le à vos amis avant le {date} ; s'ils s'inscrivent avec, vous gagnez des points tous les deux.",
        "Inviter des amis",
    ),
    "de": Words(
        "Ihr Code {code} wurde noch nicht geteilt",
        "Geben Sie ihn vor dem {date} an Freunde weiter; wer damit beitritt, bringt Ihnen beiden Punkte.",
        "Freunde einladen",
    ),
    "lb": Words(
        "Äre Code {code} gouf nach net gedeelt",
        "Gitt en virum {date} u Frënn weider; wien domat Member gëtt, bréngt Iech zwee Punkten.",
        "Frënn invitéieren",
    ),
}

REDEMPTION_FOLLOW_UP = {
    "en": Words(
        "{reward} has not been picked up yet",
        "You asked for it on {date}, and {points} are still set aside for it.",
        "See my rewards",
    ),
    "fr": Words(
        "{reward} : toujours à retirer",
        "Vous en avez fait la demande le {date} ; {points} y sont encore réservés.",
        "Voir mes récompenses",
    ),
    "de": Words(
        "{reward} wurde noch nicht abgeholt",
        "Sie haben diese Prämie am {date} angefragt; dafür sind noch {points} zurückgelegt.",
        "Meine Prämien ansehen",
    ),
    "lb": Words(
        "{reward} gouf nach net ofgeholl",
        "Dir hutt dës Präimie den {date} ugefrot; dofir si nach {points} op d'Säit geluecht.",
        "Meng Präimie kucken",
    ),
}

# One point has a verb of its own in English and French.
_ONE_WAITS = {
    "en": "You asked for it on {date}, and {points} is still set aside for it.",
    "fr": "Vous en avez fait la demande le {date} ; {points} y est encore réservé.",
    "de": "Sie haben diese Prämie am {date} angefragt; dafür ist noch {points} zurückgelegt.",
    "lb": "Dir hutt dës Präimie den {date} ugefrot; dofir ass nach {points} op d'Säit geluecht.",
}
ONE_POINT_FOLLOW_UP = {
    language: Words(words.headline, _ONE_WAITS[language], words.cta) for language, words in REDEMPTION_FOLLOW_UP.items()
}
