"""Stored name → class: every fact that this system knows.

The name's first part is the area, the second the fact, the third the version of its shape; the bus
publishes it as ``evt.<account>.<area>.<fact>`` (spec 13).
"""

from events import (
    acd,
    bans,
    call,
    capacity,
    carrier,
    dnc,
    presence,
    resources,
    sessions,
    voicemail,
    webhooks,
)
from events.base import Fact

CATALOGUE: dict[str, type[Fact]] = {
    "call.routed.v1": call.CallRouted,
    "call.dialog_started.v1": call.CallDialogStarted,
    "call.ringing.v1": call.CallRinging,
    "call.answered.v1": call.CallAnswered,
    "call.ended.v1": call.CallEnded,
    "call.revised.v1": call.CallRevised,
    "call.observed.v1": call.CallObserved,
    "call.flow_stepped.v1": call.FlowStepped,
    "call.transfer_refused.v1": call.TransferRefused,
    "capacity.taken.v1": capacity.ChannelsTaken,
    "capacity.legs_held.v1": capacity.LegsHeld,
    "capacity.released.v1": capacity.ChannelsReleased,
    "capacity.limit_exceeded.v1": capacity.LimitExceeded,
    "capacity.toll_fraud_suspected.v1": capacity.TollFraudSuspected,
    "presence.registered.v1": presence.ContactRegistered,
    "presence.refreshed.v1": presence.ContactRefreshed,
    "presence.removed.v1": presence.ContactRemoved,
    "presence.qualified.v1": presence.ContactQualified,
    "acd.agent_logged_in.v1": acd.AgentLoggedIn,
    "acd.agent_logged_out.v1": acd.AgentLoggedOut,
    "acd.agent_made_available.v1": acd.AgentMadeAvailable,
    "acd.agent_paused.v1": acd.AgentPaused,
    "acd.agent_deferred.v1": acd.AgentDeferred,
    "acd.agent_joined_queue.v1": acd.AgentJoinedQueue,
    "acd.agent_left_queue.v1": acd.AgentLeftQueue,
    "acd.agent_call_began.v1": acd.AgentCallBegan,
    "acd.agent_call_over.v1": acd.AgentCallOver,
    "acd.agent_wrapped_up.v1": acd.AgentWrappedUp,
    "acd.caller_queued.v1": acd.CallerQueued,
    "acd.caller_told.v1": acd.CallerTold,
    "acd.caller_left.v1": acd.CallerLeft,
    "acd.agent_reserved.v1": acd.AgentReserved,
    "acd.lease_confirmed.v1": acd.LeaseConfirmed,
    "acd.lease_released.v1": acd.LeaseReleased,
    "acd.conversation_ended.v1": acd.ConversationEnded,
    "bans.auth_failed.v1": bans.AuthFailed,
    "bans.access_refused.v1": bans.AccessRefused,
    "bans.observed.v1": bans.BanObserved,
    "bans.expired.v1": bans.BanExpired,
    "bans.imposed.v1": bans.BanImposed,
    "bans.lifted.v1": bans.BanLifted,
    "bans.range_allowed.v1": bans.RangeAllowed,
    "bans.range_disallowed.v1": bans.RangeDisallowed,
    "dnc.listed.v1": dnc.NumbersListed,
    "dnc.unlisted.v1": dnc.NumbersUnlisted,
    "dnc.import_started.v1": dnc.ImportStarted,
    "dnc.import_advanced.v1": dnc.ImportAdvanced,
    "dnc.import_finished.v1": dnc.ImportFinished,
    "carrier.number_assigned.v1": carrier.NumberAssigned,
    "carrier.number_ported.v1": carrier.NumberPorted,
    "carrier.message_reported.v1": carrier.MessageReported,
    "voicemail.message_left.v1": voicemail.MessageLeft,
    "voicemail.message_replaced.v1": voicemail.MessageReplaced,
    "voicemail.message_read.v1": voicemail.MessageRead,
    "voicemail.message_unread.v1": voicemail.MessageUnread,
    "voicemail.message_deleted.v1": voicemail.MessageDeleted,
    "sessions.opened.v1": sessions.SessionOpened,
    "sessions.ended.v1": sessions.SessionEnded,
    "webhooks.test_requested.v1": webhooks.WebhookTested,
    "webhooks.disabled.v1": webhooks.WebhookDisabled,
    "resources.name_claimed.v1": resources.NameClaimed,
    "resources.name_released.v1": resources.NameReleased,
}
for _kind in resources.KINDS:
    CATALOGUE[f"resources.{_kind}_created.v1"] = resources.CREATED[_kind]
    CATALOGUE[f"resources.{_kind}_changed.v1"] = resources.CHANGED[_kind]
    CATALOGUE[f"resources.{_kind}_deleted.v1"] = resources.DELETED[_kind]

NAMES: dict[type[Fact], str] = {fact: name for name, fact in CATALOGUE.items()}
