"""Every setting, with its default and what it does. Read once, here only.

Environment (`CALLPLANE_<NAME>`) over `callplane.toml` (lower-case names) over the defaults below.
`callplane config show` prints each value and where it came from. Traces are set by OpenTelemetry's
own variables: `deploy/traces.py`.
"""

import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

from domain.detection import rules_from
from gateways.mail.server import mail_server
from gateways.media.objects import SCHEMES

PREFIX = "CALLPLANE_"
SECRETS = frozenset(
    {
        *("admin_token", "secret_key", "other_secret_keys", "nonce_secret", "session_secret"),
        *("carrier_hooks", "smtp_url", "tts_header", "hep_key"),
    }
)
"""Never printed."""


def _networks(value: str) -> str:
    for part in filter(None, value.split(",")):
        ip_network(part.strip(), strict=False)
    return value


def _ban_rules(value: str) -> str:
    rules_from(value)
    return value


def carrier_secrets(value: str) -> dict[str, str]:
    """Carrier → secret, of NAME=SECRET pairs with commas between. May raise ValueError."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, equals, secret = part.partition("=")
        if not equals or not re.fullmatch(r"[a-z0-9_-]{1,32}", name):
            raise ValueError("is not NAME=SECRET with a name of a-z, 0-9, _ and -")
        if len(secret) < 16 or not secret.isascii():
            raise ValueError(f"the secret of {name} is not 16 or more ASCII characters")
        if name in found:
            raise ValueError(f"{name} is there twice")
        found[name] = secret
    return found


def _carrier_hooks(value: str) -> str:
    carrier_secrets(value)
    return value


def _object_store(value: str) -> str:
    if value and (scheme := value.partition("://")[0]) not in SCHEMES:
        raise ValueError(f"{scheme!r} is none of {', '.join(sorted(SCHEMES))}")
    return value


def _header(value: str) -> str:
    name, colon, rest = value.partition(":")
    if value and not (name.replace("-", "").isalnum() and colon and rest.strip()):
        raise ValueError("is not of the form 'Name: value'")
    if not value.isprintable():
        raise ValueError("has a control character")
    return value


def _http_url(value: str) -> str:
    if value and not (urlsplit(value).scheme in ("http", "https") and urlsplit(value).hostname):
        raise ValueError("is no http or https URL")
    return value


def _smtp(value: str) -> str:
    if value:
        mail_server(value)
    return value


def _address(value: str) -> str:
    ip_address(value)
    return value


def _key_of_agents(value: str, info: ValidationInfo) -> str:
    if value and not (value.isascii() and value.isprintable() and len(value) >= 8):
        raise ValueError("is not 8 or more printable ASCII characters")
    address = info.data.get("hep_bind", "127.0.0.1")
    if not value and not ip_address(address).is_loopback:
        raise ValueError(f"is needed, because HEP_BIND is {address}")
    return value


Networks = Annotated[str, AfterValidator(_networks)]
"""Comma-separated CIDRs."""
Sender = Annotated[str, Field(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$")]
"""An e-mail address."""


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Path(".callplane")
    """Where the embedded servers keep their data, and where made secrets lie (mode 0600)."""
    bind: str = "127.0.0.1"
    """Address that all services listen at."""
    edge_port: int = Field(8080, ge=1, le=65535)
    """Edge control plane: /auth, /route, /presence/event … for SIP nodes. Not public."""
    api_port: int = Field(8081, ge=1, le=65535)
    """Public API: /v1."""
    realtime_port: int = Field(8082, ge=1, le=65535)
    """Realtime service."""
    console_port: int = Field(8083, ge=1, le=65535)
    """Console service."""
    hep_port: int = Field(9060, ge=0, le=65535)
    """Where capture agents (Kamailio's siptrace, heplify) send SIP messages as HEP v3, over UDP and
    TCP; they stand in the traces of their calls. 0: nowhere."""
    hep_bind: Annotated[str, AfterValidator(_address)] = "127.0.0.1"
    """Address that is listened at for them."""
    hep_key: Annotated[str, AfterValidator(_key_of_agents)] = Field("", validate_default=True)
    """What they have to show as authorization key. It travels in the clear, so it keeps strangers
    out and not who listens. Empty: nothing, which is for a loopback HEP_BIND only."""
    capture_days: float = Field(7, gt=0)
    """How long SIP messages are kept."""
    nats_url: str = ""
    """A NATS server or cluster (2.11 or newer) with JetStream; empty: the embedded one."""
    database_url: str = ""
    """A PostgreSQL (14 or newer) connection URL; empty: the embedded one. Workers need sessions of
    their own: no transaction-pooling proxy in between."""
    object_store_url: Annotated[str, AfterValidator(_object_store)] = ""
    """Where media lie: s3://bucket/folder, gs://…, az://…, file:///…; credentials as those clouds
    name them in the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL …). Empty: a directory `media`
    in the data directory, which all processes have to see."""
    max_media_bytes: int = Field(256 * 1024 * 1024, ge=1024)
    """Largest media object that is taken."""
    tts_url: Annotated[str, AfterValidator(_http_url)] = ""
    """A voice behind HTTP (POST {text, language, voice, format} → audio/wav). Empty: the local one,
    espeak-ng. A private address has to lie in WEBHOOK_ALLOW_CIDRS."""
    tts_header: Annotated[str, AfterValidator(_header)] = ""
    """What that voice is asked with, as `Authorization: Bearer …`."""
    workers: int = Field(1, ge=0, le=64)
    """Command workers on this machine. One batches best on two cores."""
    gateways: int = Field(1, ge=0, le=64)
    """Processes of the edge control plane on this machine; they share the port."""
    worker_name: str = ""
    """Prefix of the workers' names; empty: the host's name. Unique per machine."""
    node_cidrs: Networks = "127.0.0.0/8,::1/128"
    """Source addresses that are trusted as edge nodes without a token."""
    trusted_proxies: Networks = ""
    """Proxies whose X-Forwarded-For is believed."""
    admin_token: str = ""
    """Opens operator and admin endpoints by `x-admin-token`; empty: that way is closed."""
    secret_key: str = ""
    """Key of the encrypted store: base64 of 32 bytes or a passphrase; empty: made and kept in
    the data directory. Losing it loses every password hash and webhook secret."""
    other_secret_keys: str = ""
    """Further keys that open what was sealed with them, comma-separated; they seal nothing. To give
    running services another SECRET_KEY: start all with the new one here, then all with the new one
    as SECRET_KEY and the old one here, then `callplane secrets rotate`, then take the old one out.
    Keys that were made need none of this: `callplane secrets rotate` is all."""
    nonce_secret: str = ""
    """Signs digest nonces; the same as `secret` of Kamailio's auth module. Empty: made and kept."""
    session_secret: str = ""
    """Signs the tokens of console users. NEW,OLD while it is changed: the first one signs, both are
    believed. Empty: made and kept."""
    wholesale: str = ""
    """SIP host[:port] of the platform's carrier for calls that match no route; comma-separated."""
    media_uri: str = "sip:flow@127.0.0.1:5080"
    """SIP URI where the edge sends calls that run a flow."""
    max_call_sec: int = Field(14_400, ge=60)
    """Longest outbound call."""
    cac_idle_sec: int = Field(14_400, ge=60)
    """How long an answered call may be silent before its channels are released."""
    ban_rules: Annotated[str, AfterValidator(_ban_rules)] = ""
    """Own detection where it differs from the defaults, as NAME=COUNT/SECONDS:BAN_SECONDS,
    comma-separated: auth_ip=20/60:3600, auth_user=30/600:900, unknown_number=10/60:3600,
    scanner=1/60:86400. A count of 0 turns a rule off."""
    carrier_hooks: Annotated[str, AfterValidator(_carrier_hooks)] = ""
    """Carriers whose signed reports are taken at /hooks/carrier/NAME, as NAME=SECRET,
    comma-separated."""
    webhook_allow_cidrs: Networks = "127.0.0.0/8,::1/128"
    """Private networks that webhooks may go to in spite of the guard (development: loopback)."""
    webhook_retry_sec: float = Field(5.0, gt=0)
    """First pause after a failed delivery; it doubles up to an hour, for three days."""
    webhook_keep_days: float = Field(30, ge=1)
    """How long delivered webhooks stay listed; dead letters stay as long as their webhook does."""
    smtp_url: Annotated[str, AfterValidator(_smtp)] = ""
    """Where mail about voicemail is handed in: smtp://user:password@host:port (TLS when offered,
    always with a password), smtp+starttls://, smtps://, smtp+plain://. Empty: no mail is sent."""
    mail_from: Annotated[str, Field(pattern=r"^[^\s@<>,;:\"]+@[A-Za-z0-9.-]+$")] = (
        "callplane@localhost"
    )
    """Sender of such mail."""
    mail_retry_sec: float = Field(30.0, gt=0)
    """First pause after a mail that was not taken; it doubles up to an hour, for a day."""
    hot_days: int = Field(30, ge=1)
    """How long calls stay in the database at least: a month that ended longer ago is archived, as
    Parquet in the object store. The API reads both as one list."""
    archive_every_hours: float = Field(24, ge=0)
    """How often the sender archives such months. 0: only `callplane archive` does."""
    archive_cache_bytes: int = Field(1024**3, ge=0)
    """Room in the data directory for copies of archived months that lie in a bucket."""
    max_accounts: int = Field(20_000, ge=1)
    """Accounts that a worker keeps in memory."""
    max_calls: int = Field(100_000, ge=1)
    """Call sessions that a worker keeps in memory."""
    events_retention_days: float = Field(7, gt=0)
    """How long the bus keeps facts for outside consumers."""
    api_rate: float = Field(100, ge=0, le=1_000_000)
    """Requests a second to /v1 that a credential may make in the long run, at each process of the
    public API. Beyond it: 429. 0: as many as it likes."""
    api_burst: int = Field(200, ge=1)
    """Requests that a credential may make at once."""
    api_stranger_rate: float = Field(10, ge=0, le=1_000_000)
    """Requests a second to /v1 from one address (of IPv6: one /64) without a good credential, which
    are refused before the store is asked. 0: as many as it likes."""
    api_stranger_burst: int = Field(200, ge=1)
    """Such requests at once; also the first ones with a credential that is new to the process."""
    max_viewers: int = Field(1_000, ge=1)
    """Live views (wallboards) that a process of the realtime service serves at a time."""
    max_body_bytes: int = Field(1024 * 1024, ge=1024)
    """Largest request body."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    """`json`: each line an object (`deploy/logs.py`)."""
    log_slow_ms: int = Field(1_000, ge=1)
    """Answers that take longer are in the log, as warnings; at LOG_LEVEL=debug all are."""
    metrics_port: int = Field(0, ge=0, le=65535)
    """Where a worker, projector, relay or sender that runs by itself shows /metrics; 0: nowhere.
    Of `up` any service shows those of all processes, at its own port."""


class Origin(NamedTuple):
    value: Any
    source: str
    """`environment`, the name of the file, or `default`."""


class BadSettings(Exception):
    """A setting is unknown or has a bad value; the message names it and where it stands."""


def load(
    environment: Mapping[str, str] = os.environ, file: Path = Path("callplane.toml")
) -> tuple[Settings, dict[str, Origin]]:
    """The settings in force, and where each came from."""
    found: dict[str, Origin] = {}
    if file.exists():
        for name, value in tomllib.loads(file.read_text()).items():
            found[name.lower()] = Origin(value, str(file))
    for name in Settings.model_fields:
        if (text := environment.get(PREFIX + name.upper())) is not None:
            found[name] = Origin(text, "environment")
    try:
        settings = Settings(**{name: origin.value for name, origin in found.items()})
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            name = str(fault["loc"][0])
            source = found[name].source if name in found else "default"
            lines.append(f"{name.upper()} ({source}): {fault['msg']}")
        raise BadSettings("; ".join(lines)) from None
    origins = {
        name: found.get(name, Origin(None, "default"))._replace(value=getattr(settings, name))
        for name in Settings.model_fields
    }
    return settings, origins


def secret_file(settings: Settings, name: str) -> Path:
    """Where a secret lies that was made."""
    return settings.data_dir / "secrets" / name


def made_secret(settings: Settings, name: str) -> str:
    """A secret setting, or the one that was made on first use and is kept in the data directory."""
    given: str = getattr(settings, name)
    if given:
        return given
    file = secret_file(settings, name)
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        pass
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = secrets.token_urlsafe(32)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    return text
