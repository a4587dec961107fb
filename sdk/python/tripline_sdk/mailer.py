"""Mail, by a mailer of the operator's: accepted with the change that it belongs to, sent from the host's outbox. Wants `grants = { mailers = ["…"] }`."""

from __future__ import annotations

from . import _check, host
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
    message = {
        "to": _check.texts([to] if isinstance(to, str) else to, "mail: `to`"),
        "subject": _check.text(subject, "mail: `subject`"),
        "text": _check.optional_text(text, "mail: `text`"),
        "html": _check.optional_text(html, "mail: `html`"),
        "reply_to": _check.optional_text(reply_to, "mail: `reply_to`"),
    }
    host.send(change._place, _check.optional_text(mailer, "mail: `mailer`"), message, _check.key(key, "mail: `key`"))
