"""What pip has put beside the function, and tries a socket when it is loaded, as urllib3 does."""

import socket

try:
    with socket.socket(socket.AF_INET) as one:
        one.bind(("127.0.0.1", 0))
    HAS_SOCKETS = True
except OSError:
    HAS_SOCKETS = False
