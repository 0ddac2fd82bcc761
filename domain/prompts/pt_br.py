"""Brazilian Portuguese."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import one_or_more

LANGUAGE = Language(
    code="pt-BR",
    plural=one_or_more,
    prompts={
        "welcome": "Boas-vindas. Agradecemos a sua ligação.",
        "please-hold": "Por favor, aguarde. A sua ligação será atendida em breve.",
        "confirm-accept": "Para aceitar esta chamada, tecle 1.",
        "whisper-queue": "Você tem uma chamada da fila de espera.",
        "all-busy": "Todos os nossos atendentes estão ocupados. Por favor, aguarde na linha.",
        "no-agents": "No momento não há atendentes disponíveis. Por favor, ligue mais tarde.",
        "vm-greeting": "A pessoa chamada não está disponível. Deixe a sua mensagem após o sinal.",
        "goodbye": "Agradecemos a sua ligação. Até logo.",
        "invalid": "Essa opção não é válida.",
        "transferring": "Por favor, aguarde enquanto transferimos a sua ligação.",
    },
    next_caller="A sua ligação é a próxima da fila.",
    callers_ahead=Counted(
        {
            "one": "Há um cliente à sua frente.",
            "other": "Há {n} clientes à sua frente.",
        },
    ),
    minutes_to_wait=Counted(
        {
            "one": "O tempo estimado de espera é de um minuto.",
            "other": "O tempo estimado de espera é de {n} minutos.",
        },
    ),
)
