"""Turkish."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import one_or_more

LANGUAGE = Language(
    code="tr-TR",
    plural=one_or_more,
    prompts={
        "welcome": "Hoş geldiniz. Aradığınız için teşekkür ederiz.",
        "please-hold": "Lütfen bekleyin. Kısa süre içinde size yardımcı olacağız.",
        "confirm-accept": "Bu çağrıyı kabul etmek için 1 tuşuna basın.",
        "whisper-queue": "Kuyruktan bir çağrınız var.",
        "all-busy": "Tüm temsilcilerimiz meşgul. Lütfen hatta kalın.",
        "no-agents": "Şu anda müsait temsilcimiz yok. Lütfen daha sonra tekrar arayın.",
        "vm-greeting": "Aradığınız kişiye ulaşılamıyor. Lütfen sinyal sesinden sonra mesajınızı bırakın.",
        "goodbye": "Aradığınız için teşekkür ederiz. Hoşça kalın.",
        "invalid": "Geçersiz bir seçim yaptınız.",
        "transferring": "Lütfen bekleyin, çağrınız aktarılıyor.",
    },
    next_caller="Sırada siz varsınız.",
    callers_ahead=Counted(
        {
            "one": "Önünüzde bekleyen bir kişi var.",
            "other": "Önünüzde bekleyen {n} kişi var.",
        },
    ),
    minutes_to_wait=Counted(
        {
            "one": "Tahmini bekleme süresi bir dakikadır.",
            "other": "Tahmini bekleme süresi {n} dakikadır.",
        },
    ),
)
