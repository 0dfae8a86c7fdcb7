"""The socket on which a kiosk's touch page is served: on the loopback address, for nobody else. CPython only."""

import socket

HOST = "127.0.0.1"


def listen(port):
    """A listening socket on ``port`` of the loopback address; 0 picks a free one. OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener
