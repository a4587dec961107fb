"""As functions read their environment: where the module is loaded."""

import os

TABLE = os.environ["TABLE"]
