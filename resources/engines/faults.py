"""Which failures speak of a server rather than of a call, and what to do about them."""

#: Codes of failures that another server, or the same one later, might not have.
SERVER_FAULTS = ("timeout", "unreachable", "rate_limited", "server_error", "garbled_answer", "empty_answer")


def is_server_fault(failure: str | None) -> bool:
    """Whether a failure speaks of the server rather than of the call."""
    return failure is not None and failure.split(":", 1)[0] in SERVER_FAULTS


def server_remedy(reason: str) -> str:
    """What to do about a server that keeps failing."""
    remedies = {
        "unreachable": "Is it running, and is transport.base_url its address up to and including /v1?",
        "timeout": "Raise transport.timeout_seconds or lower transport.concurrency.",
        "rate_limited": "Lower transport.concurrency or raise transport.retries, or wait.",
        "server_error": "Its own log says why.",
    }
    other = "Is transport.base_url really a chat completions server's address?"
    known = remedies.get(reason.split(":", 1)[0], other)
    return f"{known} Finished answers are kept; the same command continues."
