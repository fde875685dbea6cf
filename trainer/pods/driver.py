"""Horovod's elastic driver, with our own ways in and out: how it learns of hosts, tells ranks of them, and meets them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from horovod.runner.elastic.discovery import HostDiscovery
from horovod.runner.elastic.driver import ElasticDriver
from horovod.runner.elastic.rendezvous import create_rendezvous_handler
from horovod.runner.http.http_server import RendezvousHTTPServer


def driver_of(
    *,
    discover: Callable[[], Mapping[str, int]],
    tell_ranks: Callable[[], None],
    ranks: range,
    address: str,
    cooldown_seconds: tuple[int, int],
) -> tuple[Driver, int]:
    """A driver at work, and the port of its rendezvous server.

    `discover`: the slots of each host there is, asked every second. `tell_ranks` that hosts have changed. `ranks`: from the
    fewest to the most. `address`: of this machine, on which ranks meet. `cooldown_seconds`: of a host that failed, from and to.
    """
    logging.getLogger().setLevel(logging.CRITICAL)  # Horovod's driver tells there what our launcher tells better
    rendezvous = _Rendezvous()
    driver = Driver(rendezvous, _Discovery(discover), ranks[0], ranks[-1], cooldown_range=cooldown_seconds)
    driver.notice = _Notice(tell_ranks)
    return driver, rendezvous.start(address, create_rendezvous_handler(driver))


class Driver(ElasticDriver):  # type: ignore[misc]
    """Needs no service on the ranks to tell them of hosts."""

    notice: _Notice | None = None

    def get_worker_client(self, slot_info: Any) -> _Notice | None:
        """Where Horovod would connect to rank 0."""
        return self.notice

    def num_slots(self) -> int:
        """That there are now."""
        return int(self._host_manager.current_hosts.count_available_slots())


@dataclass(frozen=True, slots=True)
class _Notice:
    tell: Callable[[], None]

    def notify_hosts_updated(self, timestamp: int, result: object) -> None:
        self.tell()


class _Discovery(HostDiscovery):  # type: ignore[misc]
    def __init__(self, discover: Callable[[], Mapping[str, int]]) -> None:
        super().__init__()
        self._discover = discover

    def find_available_hosts_and_slots(self) -> dict[str, int]:
        return dict(self._discover())


class _Rendezvous:
    """Horovod's server, on one address instead of all."""

    def start(self, address: str, handler: Any) -> int:
        self._server = RendezvousHTTPServer((address, 0), handler, 0)
        self._server.daemon_threads = True  # some wait for ranks that never come
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return int(self._server.server_address[1])

    def init(self, slots: Sequence[Any]) -> None:
        self._server.init(slots)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
