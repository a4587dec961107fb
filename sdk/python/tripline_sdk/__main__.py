"""`python -m tripline_sdk build …` is `tripline-py build …`."""

import sys

from .build import main

sys.exit(main())
