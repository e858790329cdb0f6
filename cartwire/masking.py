"""Keeps personal data and secrets out of logs and terminals."""

from __future__ import annotations

import logging
import re

_EMAIL = re.compile(r"[A-Za-z0-9._%+&!#$'*/=?^`{|}~-]+(?:@|%40)[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"(?<![\w.-])\+\d[\d ()/-]{6,}\d")
_TOKEN = re.compile(
    r"(?i)((?:bearer|basic)\s+|(?:api[-_]?key|access_token|client_secret|secret)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;]+"
)


def mask_email(email: str) -> str:
    """`ada@example.com` becomes `a***@e***.com`: enough to recognise one's own test profile, not to contact a person."""
    local, _, domain = email.partition("@")
    head, _, tail = domain.rpartition(".")
    return f"{local[:1]}***@{head[:1]}***.{tail}" if tail else "***"


def mask(text: str) -> str:
    """The text with e-mail addresses, international phone numbers and credentials replaced."""
    text = _EMAIL.sub("<email>", text)
    text = _TOKEN.sub(r"\1<secret>", text)
    return _PHONE.sub("<phone>", text)


class MaskingFilter(logging.Filter):
    """Masks the finished message and drops tracebacks' personal data by masking them as text too."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), None
        if record.exc_info:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


def install_logging(level: str = "INFO") -> None:
    """One masked handler on stderr at the root logger; libraries that log per row are quieted to warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    mask_handlers()
    for noisy in ("httpx", "httpcore", "great_expectations", "dlt", "urllib3", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def mask_handlers() -> None:
    """Put the masking filter on every handler in the process (Prefect and dbt add their own)."""
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in list(logging.Logger.manager.loggerDict))]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if not any(isinstance(existing, MaskingFilter) for existing in handler.filters):
            handler.addFilter(MaskingFilter())
