"""The host: the real one in a component, a recorder in plain Python. No part of the API.

What holds: both have the same functions, of plain values, and raise HostError.
"""

from __future__ import annotations

import importlib.util

# Made by componentize-py, and there only in a component.
if importlib.util.find_spec("wit_world") is not None:
    from ._component import *  # noqa: F403
else:
    from ._recorder import *  # noqa: F403
