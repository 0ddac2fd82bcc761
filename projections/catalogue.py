"""Every projection, in no particular order: each has its own position."""

from projections.agent_events import AgentEvents
from projections.agents import Agents
from projections.audit import Audit
from projections.bans import Bans
from projections.base import Projection
from projections.callbacks import Callbacks
from projections.cdr import Cdr
from projections.channels import Channels
from projections.directory import Directory
from projections.dnc import Dnc
from projections.mail import Mail
from projections.outbox import Outbox
from projections.queues import Queues
from projections.roster import Roster
from projections.sessions import Sessions
from projections.trace import Trace
from projections.voicemail import Voicemails

CATALOGUE: tuple[type[Projection], ...] = (
    Directory,
    Audit,
    Outbox,
    Cdr,
    Trace,
    Channels,
    Roster,
    Agents,
    AgentEvents,
    Queues,
    Callbacks,
    Bans,
    Dnc,
    Voicemails,
    Mail,
    Sessions,
)
