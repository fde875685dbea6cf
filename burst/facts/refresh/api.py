"""A provider's price API: JSON pages from one address, to the last page and no further."""

from __future__ import annotations

import http
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from burst.facts.refresh.records import Record
from burst.facts.refresh.transport import NoAnswer, Transport
from trainer.refusal import Refusal

MAX_PAGES = 100
"""Of one list. Google's, the longest, has about ten pages of 5000."""
MAX_SHOWN_CHARACTERS = 240
NOT_ALLOWED = (http.HTTPStatus.BAD_REQUEST, http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN)
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where each provider's price list is: the address of the list without its query. Another one for a mirror.

    Sources: learn.microsoft.com/rest/api/cost-management/retail-prices; Oracle's cost estimator, which reads this list;
    cloud.google.com/billing/docs/reference/rest/v1/services.skus (6F81-5844-456A is Compute Engine).
    """

    azure: str = "https://prices.azure.com/api/retail/prices"
    oci: str = "https://apexapps.oracle.com/pls/apex/cetools/api/v1/products/"
    gcp: str = "https://cloudbilling.googleapis.com/v1/services/6F81-5844-456A/skus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One provider's list. Everything that goes wrong is a `Refusal` that says which price table stays in use."""

    provider: str
    title: str
    """As its provider calls it: `Azure Retail Prices API`."""
    endpoint: str
    prices_in_use: str
    """File name of the table that stays when this fails."""
    transport: Transport
    headers: Mapping[str, str] = field(default_factory=dict)
    """A key goes here, never into an address."""

    @property
    def source(self) -> str:
        """What a row's `source` says: the API's name and its address."""
        return f"{self.title} {shown(self.endpoint.partition('?')[0])}"

    def refusal(
        self, url: str, came: str, *, expected: str = "a list of prices as this API documents it", remedy: str = ""
    ) -> Refusal:
        """The refusal for what came from `url`."""
        what_to_do = remedy or f"try again later, or refresh without {self.provider}"
        return Refusal(
            f"{self.provider}: {shown(url)} gave {came}",
            expected=expected,
            remedy=f"{what_to_do}; {self.prices_in_use} stays in use, untouched",
        )

    def pages(self, query: Mapping[str, str], next_address: Callable[[Record, str], str]) -> Iterator[Record]:
        """All pages of a list. `next_address(page, its address)` is where the next page is, empty after the last.

        Refuses a page that was there before, more than `MAX_PAGES`, and a next page at another host.
        """
        url, seen = with_query(self.endpoint, query), set[str]()
        while url:
            if url in seen:
                raise self.refusal(url, "a list that leads back to itself", expected="an end after the last page")
            if len(seen) == MAX_PAGES:
                raise self.refusal(url, f"a list without end, {MAX_PAGES} pages so far", expected="an end after the last page")
            seen.add(url)
            page = self._page(url)
            yield page
            following = next_address(page, url)
            url = self._same_place(url, following) if following else ""

    def _page(self, url: str) -> Record:
        try:
            body = self.transport.get(url, self.headers)
        except NoAnswer as nothing:
            remedy = ""
            if self.headers and nothing.status in NOT_ALLOWED:
                remedy = "check the API key and that it may call this API"
            raise self.refusal(url, nothing.came, remedy=remedy) from None
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            start = " ".join(body[:80].decode("utf-8", "replace").split())
            raise self.refusal(url, f"no JSON, or half of it ({len(body)} bytes: {start})") from None
        if not isinstance(document, dict):
            raise self.refusal(url, f"a JSON {type(document).__name__} instead of an object")
        return Record(fields=document, refuse=lambda came: self.refusal(url, came))

    def _same_place(self, url: str, following: str) -> str:
        """The address of the next page, which must be at the same scheme, host and port."""
        try:
            link = quote(urljoin(url, following), safe="%/:=&?~#+!$,;'@()*[]")
        except ValueError:
            link = following
        if origin(link) != origin(self.endpoint):
            raise self.refusal(url, f"a next page at another place ({shown(link)})", expected="one at the same host")
        return link


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port: what a next page must share with the first.

    >>> origin("https://prices.azure.com:443/api") == origin("https://prices.azure.com/api?page=2")
    True
    """
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return "", None, None


def with_query(url: str, query: Mapping[str, str]) -> str:
    """The address with a query added.

    >>> with_query("https://prices.example/list", {"$filter": "armSkuName eq 'a'"})
    'https://prices.example/list?%24filter=armSkuName%20eq%20%27a%27'
    """
    return url + ("&" if "?" in url else "?") + urlencode(query, quote_via=quote)


def shown(url: str) -> str:
    """An address for people: without user, password and key, and not longer than a few lines.

    >>> shown("https://me:secret@prices.example/list?key=secret&pageSize=5000")
    'https://prices.example/list?pageSize=5000'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    query = "&".join(f"{name}={value}" for name, value in parse_qsl(parts.query) if "key" not in name.lower())
    whole = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" + (f"?{query}" if query else "")
    return whole if len(whole) <= MAX_SHOWN_CHARACTERS else f"{whole[: MAX_SHOWN_CHARACTERS - 3]}..."
