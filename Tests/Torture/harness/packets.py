"""What the bytes on a cable are for: packets are read as they go out at either end (packet(7)); root only."""

import ctypes
import os
import select
import socket
import struct
import threading
from collections import Counter

from .part import Failed

CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33
ETH_P_ALL, ETH_P_IP = 0x0003, 0x0800
ETHERNET_HEAD = 14
SYN = 0x02
SEQUENCE_NUMBERS = 1 << 32


class Packets(threading.Thread):
    """`programs`: bytes that the programs gave to TCP, what they sent a second time included. `sent_again`: by TCP. `packet_heads`:
    with the acknowledgements that carry nothing."""

    def __init__(self, namespaces):
        super().__init__(daemon=True)
        self.bytes, self.ends, self.is_ending = Counter(), {}, threading.Event()
        self.sockets = [inside(name, packet_socket) for name in namespaces]
        self.start()

    def stop(self):
        self.is_ending.set()
        self.join()
        for source in self.sockets:
            source.close()
        return {purpose: self.bytes[purpose] for purpose in ("programs", "sent_again", "packet_heads")}

    def run(self):
        while (ready := select.select(self.sockets, [], [], 0.1)[0]) or not self.is_ending.is_set():
            for source in ready:
                packet, (_, protocol, kind, *_) = source.recvfrom(1 << 16)
                if kind == socket.PACKET_OUTGOING and protocol == ETH_P_IP and packet[ETHERNET_HEAD + 9] == socket.IPPROTO_TCP:
                    self.count(packet)

    def count(self, packet):
        size = ETHERNET_HEAD + struct.unpack_from("!H", packet, ETHERNET_HEAD + 2)[0]
        tcp = ETHERNET_HEAD + (packet[ETHERNET_HEAD] & 0x0F) * 4
        # Of the connections of one Pi and one receiver the ports differ.
        ports, sequence, offset, flags = struct.unpack_from("!4sI4xBB", packet, tcp)
        payload = size - tcp - (offset >> 4) * 4
        begin = (sequence + (flags & SYN != 0)) % SEQUENCE_NUMBERS
        if flags & SYN:
            self.ends[ports] = begin
        # How far it goes beyond what went out before; sequence numbers wrap (RFC 9293, section 3.4).
        beyond = (begin + payload - self.ends.get(ports, begin) + SEQUENCE_NUMBERS // 2) % SEQUENCE_NUMBERS - SEQUENCE_NUMBERS // 2
        fresh = min(payload, max(0, beyond))
        if beyond >= 0:
            self.ends[ports] = (begin + payload) % SEQUENCE_NUMBERS
        self.bytes["programs"] += fresh
        self.bytes["sent_again"] += payload - fresh
        self.bytes["packet_heads"] += len(packet) - payload


def packet_socket():
    source = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    source.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    source.bind(("wire", 0))
    return source


def inside(namespace, work):
    """What `work` returns there: a thread may be in another network than its process (setns(2))."""
    library, outcome = ctypes.CDLL(None, use_errno=True), []

    def enter():
        descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        if library.setns(descriptor, CLONE_NEWNET) == 0:
            outcome.append(work())
        os.close(descriptor)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if not outcome:
        raise Failed(f"what goes through {namespace} cannot be read")
    return outcome[0]
