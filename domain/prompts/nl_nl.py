"""Dutch."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import one_or_more

LANGUAGE = Language(
    code="nl-NL",
    plural=one_or_more,
    prompts={
        "welcome": "Welkom. Bedankt dat u belt.",
        "please-hold": "Een ogenblik geduld, alstublieft. U wordt zo snel mogelijk geholpen.",
        "confirm-accept": "Toets 1 om dit gesprek aan te nemen.",
        "whisper-queue": "U hebt een gesprek uit de wachtrij.",
        "all-busy": "Al onze medewerkers zijn in gesprek. Blijft u alstublieft aan de lijn.",
        "no-agents": "Er is op dit moment geen medewerker beschikbaar. Belt u later nog eens terug.",
        "vm-greeting": "Degene die u belt, is niet bereikbaar. Spreek na de toon een bericht in.",
        "goodbye": "Bedankt voor het bellen. Tot ziens.",
        "invalid": "Dat is geen geldige keuze.",
        "transferring": "Een ogenblik geduld, u wordt doorverbonden.",
    },
    next_caller="U bent als volgende aan de beurt.",
    callers_ahead=Counted(
        {
            "one": "Er is nog één beller voor u.",
            "other": "Er zijn nog {n} bellers voor u.",
        },
    ),
    minutes_to_wait=Counted(
        {
            "one": "De geschatte wachttijd is één minuut.",
            "other": "De geschatte wachttijd is {n} minuten.",
        },
    ),
)
