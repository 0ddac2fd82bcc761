"""Korean. People are counted with native numbers, minutes with Chinese ones (the digits)."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import always_other

_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_HUNDREDS = ("", "백", "이백", "삼백", "사백", "오백", "육백", "칠백", "팔백", "구백")


def _native(n: int) -> str:
    tens = "스무" if n % 100 == 20 else _TENS[n // 10 % 10]
    return _HUNDREDS[n // 100] + tens + _ONES[n % 10]


LANGUAGE = Language(
    code="ko-KR",
    plural=always_other,
    prompts={
        "welcome": "안녕하세요. 전화해 주셔서 감사합니다.",
        "please-hold": "잠시만 기다려 주십시오. 곧 연결해 드리겠습니다.",
        "confirm-accept": "전화를 받으시려면 1번을 눌러 주십시오.",
        "whisper-queue": "대기 중인 고객의 전화입니다.",
        "all-busy": "지금은 모든 상담원이 통화 중입니다. 끊지 말고 기다려 주십시오.",
        "no-agents": "지금은 연결 가능한 상담원이 없습니다. 나중에 다시 전화해 주십시오.",
        "vm-greeting": "지금은 전화를 받을 수 없습니다. 삐 소리가 난 후 메시지를 남겨 주십시오.",
        "goodbye": "전화해 주셔서 감사합니다. 안녕히 계십시오.",
        "invalid": "잘못 누르셨습니다.",
        "transferring": "전화를 연결하는 중입니다. 잠시만 기다려 주십시오.",
    },
    next_caller="다음 순서로 연결됩니다.",
    callers_ahead=Counted(
        {
            "other": "고객님 앞에 {n} 명이 대기 중입니다.",
        },
        number=_native,
    ),
    minutes_to_wait=Counted(
        {
            "other": "예상 대기 시간은 {n}분입니다.",
        },
    ),
)
