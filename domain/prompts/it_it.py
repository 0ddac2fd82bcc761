"""Italian."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import one_or_more

LANGUAGE = Language(
    code="it-IT",
    plural=one_or_more,
    prompts={
        "welcome": "Le diamo il benvenuto. Grazie per la sua chiamata.",
        "please-hold": "Attenda in linea, per favore. Le risponderemo al più presto.",
        "confirm-accept": "Per accettare la chiamata, prema 1.",
        "whisper-queue": "C'è una chiamata dalla coda di attesa.",
        "all-busy": "Tutti i nostri operatori sono occupati. La preghiamo di restare in linea.",
        "no-agents": "Al momento nessun operatore è disponibile. La preghiamo di richiamare più tardi.",
        "vm-greeting": "La persona chiamata non è disponibile. Lasci un messaggio dopo il segnale acustico.",
        "goodbye": "Grazie per la sua chiamata. Arrivederci.",
        "invalid": "La scelta non è valida.",
        "transferring": "Attenda in linea, stiamo trasferendo la sua chiamata.",
    },
    next_caller="La sua chiamata è la prossima.",
    callers_ahead=Counted(
        {
            "one": "C'è una chiamata prima della sua.",
            "other": "Ci sono {n} chiamate prima della sua.",
        },
    ),
    minutes_to_wait=Counted(
        {
            "one": "Il tempo di attesa previsto è di un minuto.",
            "other": "Il tempo di attesa previsto è di {n} minuti.",
        },
    ),
)
