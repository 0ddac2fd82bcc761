"""Polish."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import polish

LANGUAGE = Language(
    code="pl-PL",
    plural=polish,
    prompts={
        "welcome": "Witamy. Dziękujemy za telefon.",
        "please-hold": "Prosimy czekać. Wkrótce odbierzemy Państwa połączenie.",
        "confirm-accept": "Aby odebrać to połączenie, proszę nacisnąć 1.",
        "whisper-queue": "Połączenie z kolejki.",
        "all-busy": "Wszyscy konsultanci są zajęci. Prosimy pozostać na linii.",
        "no-agents": "W tej chwili żaden konsultant nie jest dostępny. Prosimy zadzwonić później.",
        "vm-greeting": "Wybrana osoba jest niedostępna. Prosimy zostawić wiadomość po sygnale.",
        "goodbye": "Dziękujemy za telefon. Do usłyszenia.",
        "invalid": "To nie jest prawidłowy wybór.",
        "transferring": "Prosimy czekać, trwa przełączanie połączenia.",
    },
    next_caller="Państwa połączenie zostanie odebrane jako następne.",
    callers_ahead=Counted(
        {
            "one": "Przed Państwem jest jedno połączenie.",
            "few": "Przed Państwem są {n} połączenia.",
            "many": "Przed Państwem jest {n} połączeń.",
        },
    ),
    minutes_to_wait=Counted(
        {
            "one": "Przewidywany czas oczekiwania to jedna minuta.",
            "few": "Przewidywany czas oczekiwania to {n} minuty.",
            "many": "Przewidywany czas oczekiwania to {n} minut.",
        },
        exactly={
            2: "Przewidywany czas oczekiwania to dwie minuty.",
        },
    ),
)
