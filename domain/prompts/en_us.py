"""English."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import one_or_more

LANGUAGE = Language(
    code="en-US",
    plural=one_or_more,
    prompts={
        "welcome": "Welcome. Thank you for calling.",
        "please-hold": "Please hold. We will be with you shortly.",
        "confirm-accept": "To accept this call, press 1.",
        "whisper-queue": "You have a call from the queue.",
        "all-busy": "All of our agents are busy. Please stay on the line.",
        "no-agents": "No agents are available at the moment. Please call again later.",
        "vm-greeting": "The person you are calling is not available. Please leave a message after the tone.",
        "goodbye": "Thank you for calling. Goodbye.",
        "invalid": "That is not a valid choice.",
        "transferring": "Please hold while your call is transferred.",
    },
    next_caller="You are the next caller.",
    callers_ahead=Counted(
        {
            "one": "There is one caller ahead of you.",
            "other": "There are {n} callers ahead of you.",
        },
    ),
    minutes_to_wait=Counted(
        {
            "one": "The estimated waiting time is one minute.",
            "other": "The estimated waiting time is {n} minutes.",
        },
    ),
)
