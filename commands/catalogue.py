"""Table of contents of the system: every command, by the name under which it travels."""

from typing import Any

from commands import (
    acd,
    bans,
    call,
    capacity,
    carrier,
    dnc,
    flow,
    presence,
    queues,
    resources,
    sessions,
    transfer,
    voicemail,
    webhooks,
)
from commands.message import Command, Handler

CATALOGUE: dict[str, tuple[type[Command], Handler[Any]]] = {
    "call.RouteCall": (call.RouteCall, call.route_call),
    "call.ReportDialog": (call.ReportDialog, call.report_dialog),
    "call.EndLostCall": (call.EndLostCall, call.end_lost_call),
    "call.StartFlow": (flow.StartFlow, flow.start_flow),
    "call.StepFlow": (flow.StepFlow, flow.step_flow),
    "call.ShowCallback": (flow.ShowCallback, flow.show_callback),
    "call.SimulateFlow": (flow.SimulateFlow, flow.simulate_flow),
    "call.TransferCall": (transfer.TransferCall, transfer.transfer_call),
    "call.CompleteTransfer": (transfer.CompleteTransfer, transfer.complete_transfer),
    "call.CancelTransfer": (transfer.CancelTransfer, transfer.cancel_transfer),
    "call.JoinAll": (transfer.JoinAll, transfer.join_all),
    "presence.VerifyDigest": (presence.VerifyDigest, presence.verify_digest),
    "presence.ReportContact": (presence.ReportContact, presence.report_contact),
    "acd.ControlAgent": (acd.ControlAgent, acd.control_agent),
    "acd.ShowAgent": (acd.ShowAgent, acd.show_agent),
    "acd.ConfirmLease": (acd.ConfirmLease, acd.confirm_lease),
    "acd.ClaimCall": (acd.ClaimCall, acd.claim_call),
    "acd.ShowQueues": (queues.ShowQueues, queues.show_queues),
    "capacity.ResetCapacity": (capacity.ResetCapacity, capacity.reset_capacity),
    "carrier.AssignNumber": (carrier.AssignNumber, carrier.assign_number),
    "carrier.PortNumber": (carrier.PortNumber, carrier.port_number),
    "carrier.ReportMessage": (carrier.ReportMessage, carrier.report_message),
    "webhooks.RequestTest": (webhooks.RequestTest, webhooks.request_test),
    "webhooks.DisableWebhook": (webhooks.DisableWebhook, webhooks.disable_webhook),
    "bans.ReportFailedAuth": (bans.ReportFailedAuth, bans.report_failed_auth),
    "bans.ReportOffence": (bans.ReportOffence, bans.report_offence),
    "bans.ReportBans": (bans.ReportBans, bans.report_bans),
    "bans.AllowRange": (bans.AllowRange, bans.allow_range),
    "bans.DisallowRange": (bans.DisallowRange, bans.disallow_range),
    "bans.ReportRefusedAccess": (bans.ReportRefusedAccess, bans.report_refused_access),
    "dnc.ListNumber": (dnc.ListNumber, dnc.list_number),
    "dnc.UnlistNumber": (dnc.UnlistNumber, dnc.unlist_number),
    "dnc.StartImport": (dnc.StartImport, dnc.start_import),
    "dnc.AdvanceImport": (dnc.AdvanceImport, dnc.advance_import),
    "dnc.FinishImport": (dnc.FinishImport, dnc.finish_import),
    "voicemail.LeaveMessage": (voicemail.LeaveMessage, voicemail.leave_message),
    "voicemail.MarkMessage": (voicemail.MarkMessage, voicemail.mark_message),
    "voicemail.DeleteMessage": (voicemail.DeleteMessage, voicemail.delete_message),
    "voicemail.GuessPin": (voicemail.GuessPin, voicemail.guess_pin),
    "voicemail.ForgiveGuesses": (voicemail.ForgiveGuesses, voicemail.forgive_guesses),
    "resources.CreateRow": (resources.CreateRow, resources.create_row),
    "resources.ChangeRow": (resources.ChangeRow, resources.change_row),
    "resources.DeleteRow": (resources.DeleteRow, resources.delete_row),
    "sessions.OpenSession": (sessions.OpenSession, sessions.open_session),
    "sessions.EndSession": (sessions.EndSession, sessions.end_session),
}

DEADLINES: dict[type[Command], Handler[Any]] = {
    call.GiveUpIdleCall: call.give_up_idle_call,
    presence.ExpireContacts: presence.expire_contacts,
    acd.MeetDeadlines: acd.meet_deadlines,
}
"""Commands that nobody sends: a deadline becomes one of them."""

NAMES: dict[type[Command], str] = {message: name for name, (message, _) in CATALOGUE.items()}
