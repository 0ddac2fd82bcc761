"""French."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import one_or_more

LANGUAGE = Language(
    code="fr-FR",
    plural=one_or_more,
    prompts={
        "welcome": "Bonjour et merci de votre appel.",
        "please-hold": "Veuillez patienter, nous allons vous répondre.",
        "confirm-accept": "Pour accepter cet appel, tapez 1.",
        "whisper-queue": "Vous avez un appel de la file d'attente.",
        "all-busy": "Tous nos conseillers sont actuellement en ligne. Veuillez patienter.",
        "no-agents": "Aucun conseiller n'est disponible pour le moment. Veuillez rappeler ultérieurement.",
        "vm-greeting": "Votre correspondant n'est pas disponible. Veuillez laisser un message après le signal sonore.",
        "goodbye": "Merci de votre appel. Au revoir.",
        "invalid": "Ce choix n'est pas valide.",
        "transferring": "Veuillez patienter pendant le transfert de votre appel.",
    },
    next_caller="Votre appel est le prochain.",
    callers_ahead=Counted(
        {
            "one": "Il y a un appel avant le vôtre.",
            "other": "Il y a {n} appels avant le vôtre.",
        },
    ),
    minutes_to_wait=Counted(
        {
            "one": "Le temps d'attente estimé est d'une minute.",
            "other": "Le temps d'attente estimé est de {n} minutes.",
        },
    ),
)
