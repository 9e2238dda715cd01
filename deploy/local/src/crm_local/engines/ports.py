"""TCP ports of this machine: finding free ones, and saying who holds a busy one."""

import http.client
import random
import socket
from contextlib import ExitStack, suppress

import psutil

LOOPBACK = "127.0.0.1"


GIVEN_OUT = range(10_000, 20_000)
"""Below the ports that the system hands out to outgoing connections (32768 on Linux), at any moment."""


def free_ports(count: int) -> list[int]:
    """Find `count` different ports that nothing listens on now. Another process may take one before it is used."""
    with ExitStack() as stack:
        found: list[int] = []
        for port in random.sample(GIVEN_OUT, len(GIVEN_OUT)):
            candidate = stack.enter_context(socket.socket())
            with suppress(OSError):
                candidate.bind((LOOPBACK, port))
                found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"no {count} free ports from {GIVEN_OUT.start} to {GIVEN_OUT.stop - 1}")


def is_free(port: int) -> bool:
    """Return whether `port` can be listened on, as servers do it (a port in TIME_WAIT counts as free)."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def http_get(port: int, path: str, timeout_s: float) -> tuple[int, bytes] | None:
    """Ask for `path`: status and body, None when nothing answers.

    Plain http.client, because it is asked ten times a second while everything starts: a client that can do TLS
    reads every authority's certificate first, 30 ms of CPU a time.
    """
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def listener_of(port: int) -> str | None:
    """Describe the process that listens on `port` as "name (pid 123)", None if this account may not see it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr or connection.pid is None:
            continue
        if connection.laddr.port == port:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.NoSuchProcess:
                return None
    return None
