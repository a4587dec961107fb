"""Where requests go: to the real host in a component, to the recorder in plain Python. No part of the API.

What holds: both have the same function, and raise HostError.
"""

from __future__ import annotations

import importlib.util

# As in `host`. A file of its own, since a component that asks for http is of another world, and who does not import it shall not be.
if importlib.util.find_spec("wit_world") is None:
    from ._recorder import exchange
elif importlib.util.find_spec("wit_world.imports.outgoing_handler") is None:
    raise ImportError("this plugin uses http, and tripline-py could not see it: build it with --http")
else:
    from ._wasi_http import exchange

__all__ = ["exchange"]
