"""On PYTHONPATH, this cuts every Python process off from the network: only this computer itself can be reached."""

import ipaddress
import os
import socket

os.environ["COURSE_TEST_OFFLINE"] = "1"
_connect = socket.socket.connect
_getaddrinfo = socket.getaddrinfo


def _is_local(host):
    if host in ("localhost", "", None):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def connect(self, address):
    """Refuse every address but those of this computer."""
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
        raise OSError(f"no network in this test run: {address[0]}")
    return _connect(self, address)


def getaddrinfo(host, *args, **options):
    """Refuse to look up every name but this computer's."""
    name = host.decode() if isinstance(host, bytes) else host
    if not _is_local(name):
        raise socket.gaierror(socket.EAI_NONAME, f"no network in this test run: {name}")
    return _getaddrinfo(host, *args, **options)


socket.socket.connect = connect
socket.socket.connect_ex = lambda self, address: 0 if connect(self, address) is None else 1
socket.getaddrinfo = getaddrinfo
