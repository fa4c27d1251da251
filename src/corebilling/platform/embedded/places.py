"""Who the servers run as, and where an unprivileged server can reach its programs and its data.

PostgreSQL refuses to run as root, so under root the servers run as `nobody`, or as the owner of the data directory when
that is somebody else already. Such an account can neither enter a checkout below a home directory of mode 0700 nor
run a program from a virtual environment there. Opening those directories would open them to every user, so programs are
copied to a cache and data is placed elsewhere, with a pointer left in the directory that was asked for.
"""

import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from corebilling.platform.embedded.errors import EmbeddedError

NOBODY = 65534  # has a passwd entry on every Linux, which initdb asks for
# Survives a reboot, unlike /tmp; a name in it is made by mkdtemp, and believed later only while root owns it.
ELSEWHERE = Path("/var/tmp")  # noqa: S108
CACHE = Path("/var/cache/corebilling")
LOCK = "lock"
_POINTER = "data-is-in"


@dataclass(frozen=True)
class Account:
    """The unprivileged user and group a server runs as when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Home:
    """The directory of one server: its lock, port, password, log and data. `account` is None when we are not root."""

    path: Path
    asked: Path
    account: Account | None

    def give(self, path: Path, mode: int) -> Path:
        """Let the server own the path with this mode (octal)."""
        path.chmod(mode)
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)
        return path

    def write(self, name: str, text: str) -> Path:
        """A file of the server that nobody else can read, never seen half written."""
        path = self.path / name
        draft = self.path / f"{name}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        return self.give(draft, 0o600).rename(path)

    def remove(self) -> None:
        """Delete all of it, and the pointer to it. The server must be stopped."""
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.rmtree(self.asked, ignore_errors=True)


def settle(asked: Path) -> Home:
    """The home for the data asked for, made if need be; raises EmbeddedError if this user cannot write there."""
    asked = Path(os.path.abspath(asked))
    try:
        asked.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(asked)
        home = _as_root(asked) if os.geteuid() == 0 else Home(asked, asked, None)
        if home.path.stat().st_uid == os.geteuid():
            home.path.chmod(0o711 if home.account else 0o700)
    except OSError as error:
        raise EmbeddedError(
            f"{asked} cannot hold an embedded server's data: {error}. Give a directory that this user can write to, "
            "or run as the user who owns it"
        ) from error
    if not os.access(home.path, os.R_OK | os.W_OK | os.X_OK):
        raise EmbeddedError(f"{home.path} belongs to another user: run as that user, or give another data directory")
    return home


def _refuse_foreign(asked: Path) -> None:
    """Raise EmbeddedError for a directory with other content: its mode changes, and `remove` deletes all of it."""
    names = set(os.listdir(asked))
    if names and not names & {LOCK, _POINTER}:
        raise EmbeddedError(f"{asked} holds other files, not an embedded server's: give a new or empty directory")


def _as_root(asked: Path) -> Home:
    owner = asked.stat()
    account = Account(owner.st_uid, owner.st_gid) if owner.st_uid != 0 else Account(NOBODY, NOBODY)
    pointer = asked / _POINTER
    if pointer.exists():
        moved = Path(pointer.read_text().strip())
        # Only a directory that root made counts: all may write there, and another user may have taken the name.
        if moved.is_dir() and not moved.is_symlink() and moved.stat().st_uid == 0:
            return Home(moved, asked, account)
    if owner.st_uid == 0:
        asked.chmod(0o711)
    if reachable(asked, account):
        return Home(asked, asked, account)
    moved = Path(tempfile.mkdtemp(prefix="corebilling-", dir=ELSEWHERE))
    pointer.write_text(f"{moved}\n")
    return Home(moved, asked, account)


def reachable(path: Path, account: Account) -> bool:
    """Whether the account may pass through every directory down to the path (and enter or execute it)."""
    path = path.resolve()
    return all(_may_pass(step.stat(), account) for step in (path, *path.parents))


def _may_pass(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def cached(name: str, sources: list[tuple[Path, str]]) -> Path:
    """A directory that everybody can read, holding copies of the sources under the given relative names.

    `name` must change whenever the content does. Copied once: a rename at the end keeps a half-made copy out of sight,
    and whoever comes second keeps the first one's.
    """
    target = CACHE / name
    if target.is_dir():
        return target
    try:
        CACHE.mkdir(parents=True, exist_ok=True, mode=0o755)
        draft = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=CACHE))
        try:
            for source, relative in sources:
                _copy(source, draft / relative)
            for path in (draft, *draft.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
            draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        if not target.is_dir():
            raise EmbeddedError(
                f"the embedded servers' programs cannot be copied to {CACHE}: {error}. Make it writable, run as an "
                "ordinary user, or keep the virtual environment where every user may enter"
            ) from error
    return target


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
