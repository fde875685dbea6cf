"""An answer that cannot be read is a refusal that names the provider and the address; nothing in the folder has changed."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import pytest

from burst.facts.refresh import Endpoints
from tests.burst.facts.refresh.conftest import World
from tests.burst.facts.refresh.lists import AZURE_PATH, GCP_PATH, KEY, OCI_PATH
from tests.burst.facts.refresh.loopback import Asked, Reply, as_json

STAYS = "prices-2026-11-23.csv stays in use, untouched"
ITEM = {"partNumber": "B98415", "displayName": "x", "metricName": "y"}


def page(**fields: object) -> Reply:
    return as_json({"BillingCurrency": "USD", "Items": [], "NextPageLink": None, **fields})


def refusal_of(world: World, reply: Reply, **options: float) -> str:
    world.server.handlers[OCI_PATH] = lambda _: reply
    said = world.refusal("oci", **options)
    assert said.startswith(f"oci: {world.server.address}{OCI_PATH}")
    assert STAYS in said
    return said


@pytest.mark.parametrize(
    ("reply", "came"),
    [
        (Reply(status=500, body=b"<h1>Oops</h1>"), "gave 500 Internal Server Error (<h1>Oops</h1>)"),
        (Reply(status=404), "gave 404 Not Found"),
        (Reply(status=302, headers={"Location": "https://example.org/"}), "gave 302 Found"),
        (Reply(body=b'{"items": [', announced_bytes=500), "cut off after 11 of 500 bytes"),
        (Reply(body=b'{"items": [{"partNumber": "B98'), 'no JSON, or half of it (30 bytes: {"items": [{"partNumber": "B98)'),
        (Reply(body=b"<html>a portal asks you to log in</html>"), "no JSON, or half of it"),
        (Reply(body=b"\xff\xfe\x00"), "no JSON, or half of it"),
        (Reply(body=b""), "no JSON, or half of it (0 bytes"),
        (Reply(body=b"[" * 100_000), "no JSON, or half of it"),
        (as_json([]), "gave a JSON list instead of an object"),
        (as_json("prices"), "gave a JSON str instead of an object"),
        (as_json({}), "gave nothing where `items` should be a list"),
        (as_json({"items": {}}), "gave {} where `items` should be a list"),
        (as_json({"items": [1, 2]}), "gave [1, 2] where `items` should be a list of objects"),
        (as_json({"items": [{}]}), "gave nothing where `partNumber` should be a text"),
        (as_json({"items": [{**ITEM}]}), "gave nothing where `currencyCodeLocalizations` should be a list"),
        (as_json({"items": []}), "gave an empty list"),
        (
            as_json({"items": [{**ITEM, "currencyCodeLocalizations": [{"currencyCode": "EUR", "prices": []}]}]}),
            "gave prices in EUR instead of USD",
        ),
    ],
)
def test_what_is_no_list_is_refused(world: World, reply: Reply, came: str) -> None:
    assert came in refusal_of(world, reply)


def test_a_price_that_is_no_number_is_refused(world: World) -> None:
    world.oci.items[3]["currencyCodeLocalizations"][0]["prices"][0]["value"] = "10"
    assert "gave '10' where `value` should be a number" in world.refusal("oci")


def test_no_network_is_refused(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    said = world.refusal("oci", endpoints=Endpoints(oci=f"http://127.0.0.1:{port}/list"))
    assert said.startswith(f"oci: http://127.0.0.1:{port}/list?currencyCode=USD gave no connection (")
    assert "Connection refused" in said
    assert STAYS in said


def test_a_server_that_says_nothing_is_refused_after_the_timeout(world: World) -> None:
    assert "gave nothing within 0.2 s" in refusal_of(world, Reply(hangs=True), timeout_seconds=0.2)


def test_a_server_that_never_comes_to_an_end_is_refused(world: World) -> None:
    reply = Reply(dribbles=True, announced_bytes=10**9)
    assert "an answer that is not complete after 0.8 s" in refusal_of(world, reply, timeout_seconds=0.2)


def test_an_error_that_breaks_off_is_refused_by_its_number(world: World) -> None:
    reply = Reply(status=500, dribbles=True, announced_bytes=10**6)
    assert "gave 500 Internal Server Error" in refusal_of(world, reply, timeout_seconds=0.2)


def test_a_list_that_is_busy_once_is_read_all_the_same(world: World) -> None:
    replies = iter([Reply(status=429, headers={"Retry-After": "0"})])
    world.server.handlers[OCI_PATH] = lambda asked: next(replies, None) or world.oci(asked)
    assert world.refresh("oci").path is not None
    assert world.said[1] == "127.0.0.1 is busy: asking again in 0 s"


def test_an_answer_without_end_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burst.facts.refresh.transport.MAX_ANSWER_BYTES", 2**20)
    assert "gave more than 1 MiB" in refusal_of(world, Reply(body=b" " * (2**20 + 1)))


@pytest.mark.parametrize(
    ("first", "came"),
    [
        (lambda link: page(NextPageLink=link("")), "gave a list that leads back to itself"),
        (
            lambda link: page(NextPageLink="https://prices.example/next"),
            "a next page at another place (https://prices.example/next)",
        ),
        (lambda link: page(NextPageLink="ftp://127.0.0.1/next"), "gave a next page at another place"),
        (lambda link: page(NextPageLink="http://[::"), "gave a next page at another place"),
        (lambda link: page(NextPageLink=7), "gave 7 where `NextPageLink` should be a text"),
        (lambda link: page(Count=100), "gave 0 items on a page that counts 100"),
        (lambda link: page(BillingCurrency="EUR"), "gave prices in EUR instead of USD"),
        (lambda link: page(), "gave no price for any of 2 shapes"),
    ],
)
def test_a_page_that_leads_astray_is_refused(world: World, first: Callable[[Callable[[str], str]], Reply], came: str) -> None:
    world.server.handlers[AZURE_PATH] = lambda asked: first(lambda more: f"{world.server.address}{asked.whole}{more}")
    said = world.refusal("azure")
    assert came in said
    assert said.startswith("azure: http://127.0.0.1")
    assert STAYS in said


def test_pages_without_end_are_refused(world: World) -> None:
    number = iter(range(10**6))

    def endless(asked: Asked) -> Reply:
        return page(NextPageLink=f"{world.server.address}{AZURE_PATH}?$skip={next(number)}")

    world.server.handlers[AZURE_PATH] = endless
    assert "gave a list without end, 100 pages so far" in world.refusal("azure")
    assert len(world.server.asked) == 100


def test_a_token_that_comes_twice_is_refused(world: World) -> None:
    world.server.handlers[GCP_PATH] = lambda _: as_json({"skus": world.gcp.skus[:1], "nextPageToken": "again"})
    assert "gave a list that leads back to itself" in world.refusal("gcp", gcp_api_key=KEY)


def test_an_item_in_another_currency_is_refused(world: World) -> None:
    world.azure.items[3]["currencyCode"] = "CHF"
    assert "gave prices in CHF instead of USD" in world.refusal("azure")


def test_a_unit_in_another_currency_is_refused(world: World) -> None:
    rate = world.gcp.skus[0]["pricingInfo"][0]["pricingExpression"]["tieredRates"][0]
    rate["unitPrice"]["currencyCode"] = "JPY"
    assert "gave prices in JPY instead of USD" in world.refusal("gcp", gcp_api_key=KEY)


@pytest.mark.parametrize("units", ["many", "1" * 5000])
def test_dollars_that_are_no_number_are_refused(world: World, units: str) -> None:
    rate = world.gcp.skus[0]["pricingInfo"][0]["pricingExpression"]["tieredRates"][0]
    rate["unitPrice"]["units"] = units
    assert "where `units` should be whole dollars" in world.refusal("gcp", gcp_api_key=KEY)


def test_an_empty_catalog_is_refused(world: World) -> None:
    world.server.handlers[GCP_PATH] = lambda _: as_json({"skus": [], "nextPageToken": ""})
    assert "gave an empty list" in world.refusal("gcp", gcp_api_key=KEY)


def test_when_the_second_provider_fails_the_first_is_not_written_either(world: World) -> None:
    world.azure.items[0]["retailPrice"] = 3.3
    world.server.handlers[OCI_PATH] = lambda _: Reply(status=500)
    assert "or refresh without oci" in world.refusal("azure", "oci")


@pytest.mark.parametrize(
    "address",
    [
        "http://prices.example/list",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "https://me:pass@prices.example/",
        "http://[::",
        "",
    ],
)
def test_only_https_or_this_machine_is_asked(world: World, address: str) -> None:
    said = world.refusal("oci", endpoints=Endpoints(oci=address))
    assert "expected an https address without user name and password" in said
    assert "pass@" not in said


def test_a_key_that_is_not_accepted_is_a_refusal_that_never_shows_it(world: World) -> None:
    said = world.refusal("gcp", gcp_api_key="not-the-key-that-is-known")
    assert "gave 403 Forbidden (the key *** may not)" in said
    assert "check the API key and that it may call this API" in said
    assert "not-the-key" not in said


@pytest.mark.parametrize("key", ["two\nlines-of-secret", "схлюссель-secret"])
def test_a_key_that_no_header_can_carry_is_a_refusal_that_never_shows_it(world: World, key: str) -> None:
    said = world.refusal("gcp", gcp_api_key=key)
    assert "the address or the key holds a character that HTTP cannot carry" in said
    assert "secret" not in said


def test_the_key_stands_in_no_message_file_address_or_progress(world: World) -> None:
    parrot = world.gcp

    def echo(asked: Asked) -> Reply:
        reply = parrot(asked)
        document = json.loads(reply.body)
        for sku in document["skus"]:
            sku["serviceRegions"].append(KEY)
            sku["name"] = KEY
        return as_json({**document, "echo": KEY})

    world.server.handlers[GCP_PATH] = echo
    refreshed = world.refresh("gcp", gcp_api_key=KEY)
    assert refreshed.path is not None
    assert KEY not in refreshed.path.read_text(encoding="utf-8")
    assert KEY not in repr(refreshed)
    assert KEY not in "\n".join([*refreshed.summary(), *world.said])
    assert all(KEY not in asked.whole for asked in world.server.asked)
    for document in ({"skus": KEY}, {"skus": [], "nextPageToken": f"{KEY}"}, [KEY], {"skus": [{"description": 1, "x": KEY}]}):
        world.server.handlers[GCP_PATH] = lambda _, document=document: as_json(document)  # type: ignore[misc]
        assert KEY not in world.refusal("gcp", gcp_api_key=KEY)


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("num_before", [0, 30, 60, 70, 79, 90, 99])
def test_a_message_that_is_cut_holds_no_half_of_the_key(world: World, status: int, num_before: int) -> None:
    world.server.handlers[GCP_PATH] = lambda _: Reply(status=status, body=b"x" * num_before + KEY.encode() * 3)
    assert KEY[:4] not in world.refusal("gcp", gcp_api_key=KEY)


def test_a_value_that_is_cut_holds_no_half_of_the_key(world: World) -> None:
    world.server.handlers[GCP_PATH] = lambda _: as_json({"skus": "x" * 45 + KEY})
    assert KEY[:4] not in world.refusal("gcp", gcp_api_key=KEY)
