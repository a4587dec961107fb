"""The plugin is what another file has decorated."""

from misuse import handle  # noqa: F401
