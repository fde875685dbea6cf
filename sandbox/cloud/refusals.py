"""What the rehearsed APIs refuse, in the words that Google's have."""

from __future__ import annotations

from trainer.refusal import Refusal

RETRIED = (429, 503)
"""Statuses after which the real plugin asks again."""


class ApiError(Refusal):
    """An answer that is no success; `code` is HTTP's."""

    def __init__(self, code: int, reason: str, message: str, *, remedy: str = "correct the resource") -> None:
        super().__init__(
            f"sandbox: googleapi: Error {code}: {message}, {reason}", expected="a request that the API grants", remedy=remedy
        )
        self.code, self.reason = code, reason


def invalid(message: str, *, remedy: str = "correct the resource") -> ApiError:
    """A value that the API does not take."""
    return ApiError(400, "badRequest", message, remedy=remedy)


def not_found(what: str) -> ApiError:
    """A reference to nothing."""
    return ApiError(404, "notFound", f"The resource '{what}' was not found", remedy="declare it, and refer to its output")


def in_use(what: str, by: str) -> ApiError:
    """Something that another cannot be without."""
    message = f"The resource '{what}' is already being used by '{by}'"
    return ApiError(400, "resourceInUseByAnotherResource", message, remedy="delete that first")
