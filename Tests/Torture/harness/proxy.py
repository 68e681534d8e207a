"""A link between a sender and its receiver that delays, slows down, cuts and stalls, and counts what goes through."""

import array
import asyncio
import collections
import fcntl
import socket
import struct
import termios
import threading
import time

PIECE = 1 << 16
# What may be on its way in one direction: more than a second of the fastest disk here.
MOST_ON_THE_WAY = 16 << 20
# What stands behind the last piece of one direction.
END, CUT = "end", "cut"


class Proxy(threading.Thread):
    """Listens on a free port until it is closed. All settings may be changed while it runs.

    `delay`: seconds each way, for the connection's own handshake too. `rate`: bytes a second each way. `cut_after`: asked at each new
    connection after how many bytes of both directions it is reset; `None` for never. `buffer`: bytes that the kernel may hold for us
    on each side.
    """

    def __init__(self, target, listen="127.0.0.1", delay=0.0, rate=None, cut_after=lambda: None, buffer=None):
        super().__init__(daemon=True)
        self.target, self.listen, self.delay, self.rate, self.cut_after, self.buffer = target, listen, delay, rate, cut_after, buffer
        self.sent, self.received = 0, 0  # bytes from the sender and to it
        self.accepted, self.cuts = 0, 0
        self.first_byte, self.last_byte = None, 0.0  # by time.monotonic
        self.stalled_until = 0.0
        self.told = lambda when: None  # is called, in our thread, when bytes come
        self.open = set()
        self.loop, self.failure, self.ready = asyncio.new_event_loop(), None, threading.Event()
        self.start()
        self.ready.wait()
        if self.failure:
            raise self.failure

    # MARK: From other threads

    @property
    def bytes(self):
        return self.sent + self.received

    def stall(self, seconds):
        """Nothing goes through for a while, and no connection ends."""
        self.stalled_until = time.monotonic() + seconds

    def cut(self):
        """Resets what is connected now."""
        self.loop.call_soon_threadsafe(lambda: [link.cut() for link in list(self.open)])

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join()

    # MARK: In its own

    def run(self):
        try:
            self.listener = socket.create_server((self.listen, 0), backlog=100)
            self.listener.setblocking(False)
            if self.buffer:
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer)
            self.port = self.listener.getsockname()[1]
        except OSError as error:
            self.failure = error
        self.ready.set()
        if self.failure:
            return
        serving = self.loop.create_task(self.serve())
        self.loop.run_forever()
        tasks = [serving, *(link.task for link in self.open)]
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.listener.close()

    async def serve(self):
        while True:
            station, _ = await self.loop.sock_accept(self.listener)
            self.accepted += 1
            Link(self, station)


class Link:
    """One connection, and ours to the receiver."""

    def __init__(self, proxy, station):
        self.proxy, self.loop, self.station = proxy, proxy.loop, station
        self.receiver = socket.socket()
        self.rest = proxy.cut_after()
        self.is_cut = self.is_reset = False
        # The first bytes of a real connection come one and a half round trips after its first packet.
        self.opened = self.loop.time() + 2 * proxy.delay
        proxy.open.add(self)
        for side in (self.station, self.receiver):
            side.setblocking(False)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy.buffer:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, proxy.buffer)
        self.task = self.loop.create_task(self.run())

    async def run(self):
        try:
            await self.loop.sock_connect(self.receiver, self.proxy.target)
            async with asyncio.TaskGroup() as tasks:
                for source, sink in ((self.station, self.receiver), (self.receiver, self.station)):
                    way = Way(self, sink)
                    tasks.create_task(self.carry(source, way))
                    tasks.create_task(way.deliver())
        except* (OSError, Cut):
            # If one end has reset it, the other gets the same.
            self.is_reset = True
        finally:
            self.close()

    async def carry(self, source, way):
        while piece := await self.loop.sock_recv(source, PIECE):
            await way.put(self.count(piece, source is self.station))
            if self.rest == 0:
                await way.put(CUT)
        await way.put(END)

    def count(self, piece, is_from_station):
        """What of it still goes through."""
        if self.rest is not None:
            piece = piece[:self.rest]
            self.rest -= len(piece)
        self.proxy.last_byte = time.monotonic()
        self.proxy.first_byte = self.proxy.first_byte or self.proxy.last_byte
        if is_from_station:
            self.proxy.sent += len(piece)
        else:
            self.proxy.received += len(piece)
        self.proxy.told(self.proxy.last_byte)
        return piece

    def cut(self):
        """Both ends are told so by an RST; what is on its way is gone."""
        self.is_cut = self.is_reset = True
        self.task.cancel()

    def close(self):
        self.proxy.open.remove(self)
        if self.is_cut:
            self.proxy.cuts += 1
            # What lies unread in our kernel has been on the wire too.
            self.proxy.sent += unread(self.station)
            self.proxy.received += unread(self.receiver)
        for side in (self.station, self.receiver):
            if self.is_reset:
                # Zero seconds to linger: RST instead of FIN (socket(7)).
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.close()


class Cut(Exception):
    """It is to end here."""


class Way:
    """One direction: pieces that arrive when their time has come."""

    def __init__(self, link, sink):
        self.link, self.proxy, self.loop, self.sink = link, link.proxy, link.loop, sink
        self.pieces, self.size, self.changed = collections.deque(), 0, asyncio.Event()

    async def put(self, piece):
        most = self.proxy.buffer or MOST_ON_THE_WAY
        while self.size > most:
            self.changed.clear()
            await self.changed.wait()
        due = max(self.loop.time(), self.link.opened) + self.proxy.delay
        self.pieces.append((due, piece))
        self.size += len(piece)
        self.changed.set()

    async def deliver(self):
        while True:
            while not self.pieces:
                self.changed.clear()
                await self.changed.wait()
            due, piece = self.pieces.popleft()
            self.size -= len(piece)
            self.changed.set()
            await self.wait_until(due)
            if piece is END:
                return self.sink.shutdown(socket.SHUT_WR)
            if piece is CUT:
                self.link.is_cut = True
                raise Cut
            await self.loop.sock_sendall(self.sink, piece)
            if self.proxy.rate:
                await asyncio.sleep(len(piece) / self.proxy.rate)

    async def wait_until(self, due):
        stalled = self.proxy.stalled_until - time.monotonic()
        while (rest := max(due - self.loop.time(), stalled)) > 0:
            await asyncio.sleep(rest)
            stalled = self.proxy.stalled_until - time.monotonic()


def unread(side):
    """ioctl_tty(2), FIONREAD."""
    try:
        size = array.array("i", [0])
        fcntl.ioctl(side, termios.FIONREAD, size)
        return size[0]
    except OSError:
        return 0
