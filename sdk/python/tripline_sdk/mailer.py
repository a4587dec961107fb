"""Mail, by a mailer of the operator's: accepted with the change that it belongs to, sent from the host's outbox. Wants `grants = { mailers = ["…"] }`."""

from __future__ import annotations

from . import host
from .change import Change


def send(
    change: Change,
    *,
    to: str | list[str],
    subject: str,
    text: str | None = None,
    html: str | None = None,
    reply_to: str | None = None,
    mailer: str | None = None,
    key: str = "",
) -> None:
    """`to`: each `a@b.example` or `Name <a@b.example>`. `mailer`: needed where several are granted. `key` tells apart the mails of one change."""
    recipients = [to] if isinstance(to, str) else to
    message = {"to": recipients, "subject": subject, "text": text, "html": html, "reply_to": reply_to}
    host.send(change._place, mailer, message, key)
