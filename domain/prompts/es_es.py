"""Spanish."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import one_or_more

LANGUAGE = Language(
    code="es-ES",
    plural=one_or_more,
    prompts={
        "welcome": "Le damos la bienvenida. Gracias por su llamada.",
        "please-hold": "Por favor, permanezca a la espera. Le atenderemos en breve.",
        "confirm-accept": "Para aceptar esta llamada, pulse 1.",
        "whisper-queue": "Tiene una llamada de la cola de espera.",
        "all-busy": "Todos nuestros agentes están ocupados. Por favor, no cuelgue.",
        "no-agents": "En este momento no hay agentes disponibles. Por favor, llame más tarde.",
        "vm-greeting": "La persona a la que llama no está disponible. Deje su mensaje después de la señal.",
        "goodbye": "Gracias por su llamada. Adiós.",
        "invalid": "La opción elegida no es válida.",
        "transferring": "Por favor, espere mientras transferimos su llamada.",
    },
    next_caller="Su llamada será la próxima en ser atendida.",
    callers_ahead=Counted(
        {
            "one": "Hay un cliente delante de usted.",
            "other": "Hay {n} clientes delante de usted.",
        },
    ),
    minutes_to_wait=Counted(
        {
            "one": "El tiempo de espera estimado es de un minuto.",
            "other": "El tiempo de espera estimado es de {n} minutos.",
        },
    ),
)
