"""Parts that several processes and commands are made of, as the settings want them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.settings import Settings, made_secret, secret_file
from domain.routing import Platform
from gateways.addresses import networks
from gateways.archive.copies import Copies
from gateways.bus.client import Commander
from gateways.media.objects import ObjectStore, open_objects
from gateways.passwords import Passwords
from gateways.provisioning import Provisioner
from gateways.speech.local import LocalVoice
from gateways.speech.remote import HttpVoice
from gateways.speech.voice import Voice
from gateways.store.keys import KeyFile, Keyring, key_from
from gateways.store.reader import Reader
from gateways.store.secrets import Vault


def platform(settings: Settings) -> Platform:
    hosts = [host.strip() for host in settings.wholesale.split(",") if host.strip()]
    return Platform(wholesale=tuple(hosts), max_duration_sec=settings.max_call_sec)


def vault(settings: Settings, reader: Reader) -> Vault:
    return Vault(reader.pool, keyring(settings))


def keyring(settings: Settings) -> Keyring:
    """The keys of the encrypted store: those that are set, or those of the data directory."""
    also = [text.strip() for text in settings.other_secret_keys.split(",") if text.strip()]
    if settings.secret_key:
        return Keyring.of(*map(key_from, (settings.secret_key, *also)))
    file = key_file(settings)
    return Keyring(lambda: [key_from(text) for text in (*file.texts(), *also)])


def key_file(settings: Settings) -> KeyFile:
    """The keys that were made, where none is set."""
    made_secret(settings, "secret_key")
    return KeyFile(secret_file(settings, "secret_key"))


def objects(settings: Settings) -> ObjectStore:
    return open_objects(settings.object_store_url, settings.data_dir / "media")


def copies(settings: Settings, store: ObjectStore) -> Copies:
    """Archived months near at hand."""
    return Copies(store, settings.data_dir / "archive", settings.archive_cache_bytes)


@asynccontextmanager
async def speaking(settings: Settings) -> AsyncIterator[Voice]:
    """The voice that is set; the local one starts when it has something to say."""
    if settings.tts_url:
        allowed = networks(settings.webhook_allow_cidrs)
        async with HttpVoice(settings.tts_url, settings.tts_header, allowed) as remote:
            yield remote
    else:
        async with LocalVoice() as local:
            yield local


def provisioner(settings: Settings, commander: Commander, reader: Reader) -> Provisioner:
    insecure = networks(settings.webhook_allow_cidrs)
    return Provisioner(commander, reader, vault(settings, reader), insecure, Passwords())
