"""Hindi."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import one_or_more

LANGUAGE = Language(
    code="hi-IN",
    plural=one_or_more,
    prompts={
        "welcome": "नमस्ते। कॉल करने के लिए धन्यवाद।",
        "please-hold": "कृपया प्रतीक्षा करें। हम शीघ्र ही आपसे बात करेंगे।",
        "confirm-accept": "इस कॉल को स्वीकार करने के लिए 1 दबाएँ।",
        "whisper-queue": "आपके लिए कतार से एक कॉल है।",
        "all-busy": "हमारे सभी प्रतिनिधि व्यस्त हैं। कृपया लाइन पर बने रहें।",
        "no-agents": "इस समय कोई प्रतिनिधि उपलब्ध नहीं है। कृपया बाद में कॉल करें।",
        "vm-greeting": "आपने जिन्हें कॉल किया है, वे उपलब्ध नहीं हैं। कृपया बीप के बाद अपना संदेश छोड़ें।",
        "goodbye": "कॉल करने के लिए धन्यवाद। नमस्कार।",
        "invalid": "यह विकल्प मान्य नहीं है।",
        "transferring": "कृपया प्रतीक्षा करें, आपकी कॉल स्थानांतरित की जा रही है।",
    },
    next_caller="अगली बारी आपकी है।",
    callers_ahead=Counted(
        {
            "one": "आपसे आगे एक कॉलर है।",
            "other": "आपसे आगे {n} कॉलर हैं।",
        },
    ),
    minutes_to_wait=Counted(
        {
            "one": "अनुमानित प्रतीक्षा समय एक मिनट है।",
            "other": "अनुमानित प्रतीक्षा समय {n} मिनट है।",
        },
    ),
)
