"""Two computers and a cable between them, as network namespaces (ip-netns(8)); root only."""

import contextlib
import json
import os
import subprocess

from .part import Failed

STATION, LAB = "10.77.0.1", "10.77.0.2"


class Cable:
    """`loss`: the share of packets that are lost, each way. `rate`: as tc-tbf(8) writes it, each way. `reset_after`: bytes of both
    directions after which a connection is reset. `control`: how both ends control congestion; `None`: as this computer does."""

    def __init__(self, loss=0.0, rate=None, reset_after=None, control=None):
        self.names = [f"torture-{os.getpid()}-{end}" for end in ("pi", "lab")]
        self.namespaces = []
        try:
            for name in self.names:
                run("ip", "netns", "add", name)
                self.namespaces.append(name)
                run("ip", "-n", name, "link", "set", "lo", "up")
            self.filter(self.lab, "INPUT", "-i", "wire", "-p", "tcp", "--syn")  # no target: it only counts
            run("ip", "-n", self.pi, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", self.lab)
            for name, address in ((self.pi, STATION), (self.lab, LAB)):
                # Packets as on a cable: the kernel's own are up to 64 KiB, and one loss would take all of that.
                run("ip", "-n", name, "link", "set", "wire", "up", "gso_max_segs", "1")
                run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "wire")
                if control:
                    # Of the way, because a namespace takes only what its computer allows everybody (ip-route(8), congctl).
                    run("ip", "-n", name, "route", "replace", "10.77.0.0/24", "dev", "wire", "scope", "link", "congctl", control)
                if loss:
                    # As it comes in, so that the sender's counter has seen it.
                    self.filter(name, "INPUT", "-i", "wire", "-m", "statistic", "--mode", "random", "--probability", str(loss), "-j", "DROP")
                if rate:
                    run("tc", "-n", name, "qdisc", "add", "dev", "wire", "root", "tbf", "rate", rate, "burst", "4kb", "latency", "400ms")
            if reset_after:
                # To whoever sends the next packet, so that what is lost is what was on its way, and no proxy's hoard.
                for chain in ("INPUT", "OUTPUT"):
                    self.filter(self.lab, chain, "-p", "tcp", "!", "--tcp-flags", "RST", "RST", "-m", "connbytes", "--connbytes", str(reset_after),
                                "--connbytes-dir", "both", "--connbytes-mode", "bytes", "-j", "REJECT", "--reject-with", "tcp-reset")
        except BaseException:
            self.remove()
            raise

    @staticmethod
    def filter(name, chain, *rule):
        return run("ip", "netns", "exec", name, "iptables", "-A", chain, *rule)

    @property
    def pi(self):
        return self.names[0]

    @property
    def lab(self):
        return self.names[1]

    def bytes(self):
        """All that was put on the wire at both ends, headers and what was lost included."""
        total = 0
        for name in self.names:
            told = json.loads(run("ip", "-n", name, "-json", "-stats", "link", "show", "dev", "wire"))
            total += told[0]["stats64"]["tx"]["bytes"]
        return total

    def connections(self):
        """First packets of connections; one that was lost on the way counts again."""
        rules = run("ip", "netns", "exec", self.lab, "iptables", "-nvxL", "INPUT").splitlines()
        return int(next(line for line in rules if "flags:0x17/0x02" in line).split()[0])

    def congestion_control(self):
        return run("ip", "netns", "exec", self.pi, "cat", "/proc/sys/net/ipv4/tcp_congestion_control").strip()

    @staticmethod
    def inside(name):
        """What makes a program run there."""
        return "ip", "netns", "exec", name

    def remove(self):
        for name in self.namespaces:
            with contextlib.suppress(Failed):
                run("ip", "netns", "del", name)


def run(*command):
    outcome = subprocess.run(command, capture_output=True, text=True)
    if outcome.returncode != 0:
        raise Failed(f"{' '.join(command)}: {outcome.stderr.strip()}")
    return outcome.stdout
