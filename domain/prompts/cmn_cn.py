"""Mandarin Chinese."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import always_other

LANGUAGE = Language(
    code="cmn-CN",
    plural=always_other,
    prompts={
        "welcome": "您好，感谢您的来电。",
        "please-hold": "请稍候，我们将尽快为您服务。",
        "confirm-accept": "接听此电话，请按1。",
        "whisper-queue": "您有一个排队来电。",
        "all-busy": "所有客服人员正忙，请不要挂机。",
        "no-agents": "目前没有客服人员在线，请稍后再拨。",
        "vm-greeting": "您呼叫的用户暂时无法接听，请在提示音后留言。",
        "goodbye": "感谢您的来电，再见。",
        "invalid": "您的输入有误。",
        "transferring": "正在为您转接，请稍候。",
    },
    next_caller="下一位就是您。",
    callers_ahead=Counted(
        {
            "other": "您前面还有{n}位客户在等候。",
        },
        exactly={
            1: "您前面还有一位客户在等候。",
            2: "您前面还有两位客户在等候。",
        },
    ),
    minutes_to_wait=Counted(
        {
            "other": "预计等待时间约为{n}分钟。",
        },
        exactly={
            1: "预计等待时间约为一分钟。",
            2: "预计等待时间约为两分钟。",
        },
    ),
)
