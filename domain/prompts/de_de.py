"""German."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import one_or_more

LANGUAGE = Language(
    code="de-DE",
    plural=one_or_more,
    prompts={
        "welcome": "Herzlich willkommen. Vielen Dank für Ihren Anruf.",
        "please-hold": "Bitte warten Sie. Wir sind gleich für Sie da.",
        "confirm-accept": "Um diesen Anruf anzunehmen, drücken Sie die 1.",
        "whisper-queue": "Sie haben einen Anruf aus der Warteschlange.",
        "all-busy": "Alle Mitarbeiter sind zurzeit im Gespräch. Bitte bleiben Sie in der Leitung.",
        "no-agents": "Zurzeit ist kein Mitarbeiter erreichbar. Bitte rufen Sie später noch einmal an.",
        "vm-greeting": "Ihr Gesprächspartner ist nicht erreichbar. Bitte hinterlassen Sie eine Nachricht nach dem Ton.",
        "goodbye": "Vielen Dank für Ihren Anruf. Auf Wiederhören.",
        "invalid": "Diese Auswahl ist ungültig.",
        "transferring": "Bitte warten Sie, Sie werden verbunden.",
    },
    next_caller="Sie sind als Nächstes an der Reihe.",
    callers_ahead=Counted(
        {
            "one": "Vor Ihnen ist noch ein Anrufer.",
            "other": "Vor Ihnen sind noch {n} Anrufer.",
        },
    ),
    minutes_to_wait=Counted(
        {
            "one": "Die voraussichtliche Wartezeit beträgt eine Minute.",
            "other": "Die voraussichtliche Wartezeit beträgt {n} Minuten.",
        },
    ),
)
