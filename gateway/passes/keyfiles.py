"""Private keys at rest: one file each in the folder ``keys`` of the data directory, and nowhere else.

Rules: the folder is 0700 and each file 0600, the owner's; anything looser is refused loudly, because then the keys may
be known to others already. A file is whole or not there (written beside, synced, then linked to its name, which never
replaces another). The database knows the list key by its hash, so that a lost or exchanged one is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.errors import UserError
from gateway.passes.signing import MODULUS_BITS, PUBLIC_EXPONENT, modulus_bytes
from gateway.store.directory import Directory

FOLDER: Final = "keys"
LIST_KEY: Final = "list"
LIST_KEY_SETTING: Final = "passes_list_key"
PUBLISHED: Final = "published.json"
PAGE: Final = "page"
_END: Final = ".pem"


def new_key() -> rsa.RSAPrivateKey:
    """A key from the system's randomness. About 50 ms of one core."""
    return rsa.generate_private_key(PUBLIC_EXPONENT, MODULUS_BITS)


class KeyFiles:
    """The key folder of one data directory."""

    def __init__(self, directory: Directory) -> None:
        """Makes the folder; :class:`UserError` where that is not possible or others could read it."""
        self.folder: Path = directory.folder / FOLDER
        self._directory = directory
        try:
            with contextlib.suppress(FileExistsError):
                self.folder.mkdir(mode=0o700)
            self._require_private()
        except OSError as error:
            raise self._unwritable(error) from error

    def _require_private(self) -> None:
        for path in (self.folder, *self.folder.iterdir()):
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue  # another process has just given a file its name
            if found.st_mode & 0o077 or found.st_uid != os.geteuid() or path.is_symlink():
                wanted = "0700" if path == self.folder else "0600"
                raise UserError(
                    f"{path} can be reached by others (mode {found.st_mode & 0o777:04o}), and private keys are there: "
                    f"whoever has copied them can make passes. Give it to this user alone (chmod {wanted}), and begin "
                    "a new data directory if anybody else may have read them."
                )

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"The keys of passes in {self.folder} cannot be used ({error.strerror or error}); make room, or give this "
            "user the right to write there."
        )

    # -- the list key

    def list_key(self) -> rsa.RSAPrivateKey:
        """The network's list key, made first if there never was one.

        :class:`UserError` when it is lost, or is not the one that devices were given.
        """
        path = self.folder / (LIST_KEY + _END)
        if not path.exists():
            if self._directory.find_setting(LIST_KEY_SETTING) is not None:
                raise UserError(
                    f"The network's list key {path} is gone, and every device trusts only lists that it signs: put the "
                    "folder back from a backup, or begin a new data directory and give every device new settings."
                )
            self.add(LIST_KEY, new_key())
        key = self.load(LIST_KEY)
        if key is None:
            raise UserError(f"The network's list key {path} is damaged; put it back from a backup.")
        told = hashlib.sha256(modulus_bytes(key)).hexdigest()
        known = self._directory.find_setting(LIST_KEY_SETTING) or self._directory.setting(LIST_KEY_SETTING, told)
        if known != told:
            raise UserError(
                f"The list key {path} is not the one that this database's devices were given: the folder keys and the "
                "database belong to different gateways. Put back the pair that belongs together."
            )
        return key

    def list_modulus(self) -> bytes:
        """The list key's modulus, 256 bytes."""
        return modulus_bytes(self.list_key())

    # -- any key

    def ids(self) -> set[str]:
        """The pass keys whose private part is here."""
        return {path.name.removesuffix(_END) for path in self.folder.glob("*" + _END)} - {LIST_KEY}

    def load(self, name: str) -> rsa.RSAPrivateKey | None:
        """The private key, None when it is not there or damaged."""
        try:
            key = serialization.load_pem_private_key((self.folder / (name + _END)).read_bytes(), None)
        except (OSError, ValueError):
            return None
        return key if isinstance(key, rsa.RSAPrivateKey) else None

    def add(self, name: str, key: rsa.RSAPrivateKey) -> None:
        """Write a private key, durably; one that is there stays. :class:`UserError` when there is no room."""
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with contextlib.suppress(FileExistsError):
            self._write(name + _END, pem, replace=False)

    def remove_unfinished(self) -> None:
        """Delete what a killed process had begun to write. Only for who holds the data directory's lock."""
        for path in self.folder.glob(".*"):
            path.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Overwrite and delete a private key. On flash and on journalling disks an older copy may survive below."""
        path = self.folder / (name + _END)
        # Where overwriting fails (a full or failing disk), deleting still counts.
        with contextlib.suppress(OSError), path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):
            path.unlink()
            self._sync_folder()

    # -- what was published last, for a database that comes back from a backup

    def published(self) -> bytes | None:
        """The key list that was published last."""
        try:
            return (self.folder / PUBLISHED).read_bytes()
        except FileNotFoundError:
            return None

    def keep_published(self, message: bytes) -> None:
        """Remember the list that is published now."""
        self._write(PUBLISHED, message, replace=True)

    def page(self) -> int:
        """The highest page of the spent set that was published, -1 before the first."""
        try:
            return int((self.folder / PAGE).read_text())
        except (FileNotFoundError, ValueError):
            return -1

    def keep_page(self, page: int) -> None:
        """Remember the highest page."""
        self._write(PAGE, str(page).encode(), replace=True)

    def _write(self, name: str, data: bytes, *, replace: bool) -> None:
        beside = self.folder / f".{name}.{secrets.token_hex(4)}"
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with open(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(descriptor)
                if replace:
                    beside.rename(self.folder / name)
                else:
                    os.link(beside, self.folder / name)
            finally:
                beside.unlink(missing_ok=True)
            self._sync_folder()
        except FileExistsError:
            raise
        except OSError as error:
            raise self._unwritable(error) from error

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
