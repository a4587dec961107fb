"""Why a change failed, and what the host is to do about it.

What holds: every exception becomes one of two: deliver again, or give up. Those of the host and of this SDK know which; any other is delivered again.
"""

from __future__ import annotations

from typing import Literal


class Failure(Exception):
    """Raise `Retry` or `Reject`."""

    kind: Literal["retry", "reject"] = "retry"

    @property
    def reason(self) -> str:
        return str(self)


class Retry(Failure):
    """What may pass: the change is delivered again, as the trigger's retry policy says."""


class Reject(Failure):
    """What stays: the change goes to the dead letters at once."""

    kind = "reject"


class Unfit(Reject, TypeError):
    """A value that cannot be handed over: a mistake of the handler's, which another delivery would not mend."""


class HostError(Failure):
    """What the host answered. Left uncaught, what is unavailable is delivered again, and all else goes to the dead letters.

    `code`: "access-denied", "invalid", "unavailable", "condition-failed", "cancelled", "upstream" or "io". `detail`: of a cancelled transaction, for each
    write a HostError or None.
    """

    def __init__(self, what: str, code: str, reason: str = "", detail: list[HostError | None] | None = None) -> None:
        if code == "condition-failed":
            reason = "the condition did not hold"
        if code == "cancelled":
            causes = [f"write {at + 1}: {one}" for at, one in enumerate(detail or []) if one]
            reason = "the transaction was cancelled: " + "; ".join(causes)
        super().__init__(f"{what}: {reason}")
        self.code = code
        self.detail = detail
        passes = code in ("unavailable", "upstream", "io")
        # Only where each cause may pass is a transaction worth another try.
        if code == "cancelled":
            passes = all(one is None or one.kind == "retry" for one in detail or [])
        self.kind = "retry" if passes else "reject"


def of(error: BaseException) -> Failure:
    """The failure that an exception stands for."""
    if isinstance(error, Failure):
        return error
    return Retry(f"{type(error).__name__}: {error}")
