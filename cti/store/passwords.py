"""Passwords: argon2id with the library's current defaults. Both calls take tens of milliseconds of CPU:
never on the event loop."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """The text to store."""
    return _HASHER.hash(password)


def verify_password(stored: str, password: str) -> bool:
    """Whether the password is right; False also for a stored text that is no hash."""
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with older settings and should be renewed at the next sign-in."""
    return _HASHER.check_needs_rehash(stored)
