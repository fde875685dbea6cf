"""A busy server is asked again, as it wishes and not for ever."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from burst.facts.refresh.transport import NoAnswer, Transport
from tests.burst.facts.refresh.loopback import Loopback, Reply

OK = Reply(body=b"prices")


@dataclass
class Busy:
    """A server that answers one reply after the other, and a clock that only notes."""

    server: Loopback
    slept: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def get(self, replies: Sequence[Reply]) -> bytes:
        following = iter(replies)
        self.server.handlers["/list"] = lambda _: next(following)
        transport = Transport(timeout_seconds=5, sleep=self.slept.append, progress=self.said.append)
        return transport.get(f"{self.server.address}/list", {})


@pytest.fixture
def busy() -> Iterator[Busy]:
    server = Loopback()
    yield Busy(server)
    server.close()


def test_a_server_that_is_busy_once_is_asked_again_when_it_says(busy: Busy) -> None:
    assert busy.get([Reply(status=429, headers={"Retry-After": "7"}), OK]) == b"prices"
    assert busy.slept == [7.0]
    assert busy.said == ["127.0.0.1 is busy: asking again in 7 s"]


def test_without_a_wish_we_wait_twice_as_long_each_time(busy: Busy) -> None:
    assert busy.get([Reply(status=503)] * 3 + [OK]) == b"prices"
    assert busy.slept == [1.0, 2.0, 4.0]


def test_a_server_that_stays_busy_is_given_up(busy: Busy) -> None:
    with pytest.raises(NoAnswer) as caught:
        busy.get([Reply(status=429, body=b"slow down")] * 10)
    assert (caught.value.came, caught.value.status) == ("429 Too Many Requests 4 times (slow down)", 429)
    assert len(busy.server.asked) == 4


@pytest.mark.parametrize(("asked", "waited"), [("86400", 60.0), ("-5", 1.0), ("soon", 1.0), ("", 1.0), ("1e3", 1.0)])
def test_a_wish_is_honoured_up_to_a_minute(busy: Busy, asked: str, waited: float) -> None:
    busy.get([Reply(status=503, headers={"Retry-After": asked}), OK])
    assert busy.slept == [waited]


def test_a_wish_may_be_a_date(busy: Busy) -> None:
    busy.get([Reply(status=503, headers={"Retry-After": email.utils.formatdate(time.time() + 20, usegmt=True)}), OK])
    assert busy.slept == [pytest.approx(20, abs=2)]


def test_an_error_that_waiting_does_not_mend_is_asked_once(busy: Busy) -> None:
    with pytest.raises(NoAnswer, match="500 Internal Server Error"):
        busy.get([Reply(status=500), OK])
    assert not busy.slept


def test_a_redirection_is_not_followed(busy: Busy) -> None:
    with pytest.raises(NoAnswer, match="307 Temporary Redirect"):
        busy.get([Reply(status=307, headers={"Location": f"{busy.server.address}/elsewhere"})])
    assert [asked.path for asked in busy.server.asked] == ["/list"]


def test_a_server_that_speaks_no_http_is_no_answer(busy: Busy) -> None:
    transport = Transport(timeout_seconds=5)
    with pytest.raises(NoAnswer, match="no connection"):
        transport.get(busy.server.address.replace("http://", "https://"), {})


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert busy.get([OK]) == b"prices"
