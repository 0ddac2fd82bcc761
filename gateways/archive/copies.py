"""Files of the archive near at hand: those of a directory where they lie, others as copies.

Copies are checked against their digest and seen whole or not at all; the ones that were not used
for the longest time go when there are too many.
"""

import asyncio
import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from weakref import WeakValueDictionary

from obstore.store import LocalStore

from domain.errors import NotFound, Unavailable
from gateways.archive.books import File
from gateways.media.objects import ObjectStore

STALE = 86_400
"""Seconds after which a copy under way is that of a process that was killed."""


class Copies:
    """`limit`: bytes of all copies; the one that is needed now is made in any case."""

    def __init__(self, objects: ObjectStore, folder: Path, limit: int) -> None:
        self._objects = objects
        self._folder = folder
        self._limit = limit
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def path(self, file: File) -> Path:
        """Where `file` can be read; it may be gone a moment later. Raises FileNotFoundError,
        Unavailable."""
        backend = self._objects.backend
        if isinstance(backend, LocalStore) and backend.prefix is not None:
            return Path(backend.prefix) / file.key
        copy = self._folder / f"{file.sha256}.parquet"
        if not copy.exists():
            async with self._making.setdefault(file.sha256, asyncio.Lock()):
                if not copy.exists():
                    await self._make(file, copy)
        with suppress(FileNotFoundError):
            os.utime(copy)
        return copy

    async def _make(self, file: File, copy: Path) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await asyncio.to_thread(self._make_room, file.bytes)
        partial, digest = copy.with_suffix(f".{os.getpid()}"), hashlib.sha256()
        try:
            with partial.open("wb") as out:
                async for chunk in self._objects.get(file.key):
                    digest.update(chunk)
                    out.write(chunk)
            if digest.hexdigest() != file.sha256:
                raise Unavailable(f"the archive of {file.month} is not what was archived")
            partial.rename(copy)
        except NotFound:
            raise FileNotFoundError(file.key) from None
        finally:
            partial.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        found = []
        for path in self._folder.glob("*.*"):
            with suppress(FileNotFoundError):
                known = path.stat()
                if path.suffix != ".parquet" and known.st_mtime < time.time() - STALE:
                    path.unlink()
                else:
                    found.append((known.st_mtime, known.st_size, path))
        total = size + sum(bytes for _, bytes, _ in found)
        for _, bytes, path in sorted(found):
            if total <= self._limit:
                return
            if path.suffix == ".parquet":
                path.unlink(missing_ok=True)
                total -= bytes
