"""Many connections that do nothing, held by one thread."""

import resource
import selectors
import socket
import ssl
import time


def raise_descriptor_limit():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


class Crowd:
    """Connects, shows its certificates if somebody takes the connection, and then keeps still."""

    def __init__(self, port, identities, number):
        self.selector, self.shaking, self.open, self.refused = selectors.DefaultSelector(), set(), set(), 0
        for index in range(number):
            plain = socket.socket()
            plain.setblocking(False)
            plain.connect_ex(("127.0.0.1", port))
            identity = identities[index % len(identities)]
            connection = identity.tls.wrap_socket(plain, server_hostname="secure-receiver", do_handshake_on_connect=False)
            self.shaking.add(connection)
            self.selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
            if index % 100 == 99:
                # Not faster than they are taken: what the backlog has no room for would be tried again seconds later.
                self.shake_hands(2, while_more_than=200)

    def shake_hands(self, seconds, while_more_than=0):
        """Goes on until no more than that many wait, and not longer than this."""
        deadline = time.monotonic() + seconds
        while len(self.shaking) > while_more_than and (left := deadline - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                self.step(key.fileobj)

    def step(self, connection):
        wants = None
        try:
            connection.do_handshake()
            self.open.add(connection)
        except ssl.SSLWantReadError:
            wants = selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            wants = selectors.EVENT_WRITE
        except OSError:
            self.refused += 1
        if wants:
            self.selector.modify(connection, wants)
            return
        self.selector.unregister(connection)
        self.shaking.remove(connection)

    def still_open(self):
        """How many of those that were taken nobody has closed."""
        alive = 0
        for connection in self.open:
            try:
                alive += connection.recv(1) != b""
            except ssl.SSLWantReadError:
                alive += 1
            except OSError:
                pass
        return alive

    def leave(self):
        for connection in self.open | self.shaking:
            connection.close()
        self.selector.close()
