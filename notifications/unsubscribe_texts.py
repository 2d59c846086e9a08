"""What the page says that ends marketing messages, in the languages of members."""

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "ask_title": "Stop marketing messages?",
        "ask": "{merchant} will send you no more offers and reminders. Messages about your points still come.",
        "button": "Stop them",
        "done_title": "No more marketing messages",
        "done": "{merchant} sends you no more offers and reminders. Messages about your points still come.",
        "unknown_title": "This link leads nowhere",
        "unknown": "It is not complete, or whom it was for is no longer known here.",
    },
    "fr": {
        "ask_title": "Ne plus recevoir de messages publicitaires ?",
        "ask": "{merchant} ne vous enverra plus d'offres ni de rappels. Les messages sur vos points continuent.",
        "button": "Ne plus les recevoir",
        "done_title": "Plus de messages publicitaires",
        "done": "{merchant} ne vous envoie plus d'offres ni de rappels. Les messages sur vos points continuent.",
        "unknown_title": "Ce lien ne mène nulle part",
        "unknown": "Il est incomplet, ou son destinataire n'est plus connu ici.",
    },
    "de": {
        "ask_title": "Keine Werbenachrichten mehr?",
        "ask": "{merchant} schickt Ihnen keine Angebote und Erinnerungen mehr. Nachrichten zu Ihren Punkten kommen "
        "weiterhin.",
        "button": "Abbestellen",
        "done_title": "Keine Werbenachrichten mehr",
        "done": "{merchant} schickt Ihnen keine Angebote und Erinnerungen mehr. Nachrichten zu Ihren Punkten kommen "
        "weiterhin.",
        "unknown_title": "Dieser Link führt nirgendwohin",
        "unknown": "Er ist unvollständig, oder wer gemeint war, ist hier nicht mehr bekannt.",
    },
    "lb": {
        "ask_title": "Keng Reklammessagen méi?",
        "ask": "{merchant} schéckt Iech keng Offeren an Erënnerunge méi. Messagen iwwer Är Punkte kommen weider.",
        "button": "Ofbestellen",
        "done_title": "Keng Reklammessagen méi",
        "done": "{merchant} schéckt Iech keng Offeren an Erënnerunge méi. Messagen iwwer Är Punkte kommen weider.",
        "unknown_title": "Dëse Link féiert néierens hin",
        "unknown": "En ass net komplett, oder wie gemengt war, ass hei net méi bekannt.",
    },
}
