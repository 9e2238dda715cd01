"""TCP ports of this machine: finding free ones, and saying who holds a busy one."""

import socket
from contextlib import ExitStack

import psutil

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Find `count` different ports that nothing listens on now. Another process may take one before it is used."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for candidate in sockets:
            candidate.bind((LOOPBACK, 0))
        return [int(candidate.getsockname()[1]) for candidate in sockets]


def is_free(port: int) -> bool:
    """Tell whether `port` can be listened on, as servers do it (a port in TIME_WAIT counts as free)."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    """Tell whether something takes connections on `port`."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


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
