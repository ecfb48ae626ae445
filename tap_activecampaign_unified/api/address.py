"""The account's address, in any form people paste it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import BadAddress

MEND = "take the URL from ActiveCampaign under Settings › Developer, like https://acme.api-us1.com"
_BRANDED_HOST = re.compile(r"([a-z0-9-]+)\.(?:api-[a-z0-9]+|activehosted)\.com")


@dataclass(frozen=True)
class Address:
    """Where one account answers.

    ``origin`` is scheme, host and port; ``account`` is one name for every spelling of the address
    (used for files that belong to the account); ``is_loopback`` is true for this machine itself.
    """

    origin: str
    account: str
    is_loopback: bool

    def url(self, path: str) -> str:
        """Return the full URL of an endpoint given like ``contacts`` or ``contacts/7``."""
        return f"{self.origin}/api/3/{path.lstrip('/')}"


def parse_address(text: object) -> Address:
    """Read ``api_url``; raise `BadAddress` with one sentence that names the mend.

    The sentence never repeats more of the text than scheme and host: people paste keys into URLs.
    """
    if not isinstance(text, str) or not text.strip():
        raise BadAddress(f"api_url is empty: {MEND}")
    cleaned = text.strip().strip("\"'<>").strip()
    if "://" not in cleaned:
        guessed = urlsplit(f"https://{cleaned}")
        cleaned = f"{'http' if _is_loopback(_host(guessed)) else 'https'}://{cleaned}"
    parts = urlsplit(cleaned)
    host = _host(parts)
    if not host or re.search(r"[\s@\\%]", host) or not re.fullmatch(r"[\w.:-]+", host):
        raise BadAddress(f"api_url has no usable host name: {MEND}")
    try:
        port = parts.port
    except ValueError:
        raise BadAddress(f"api_url has a port that is no number: {MEND}") from None
    loopback = _is_loopback(host)
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"}:
        raise BadAddress(f"api_url must start with https://: {MEND}")
    if scheme == "http" and not loopback:
        raise BadAddress(
            f"api_url http://{host} would send the key unencrypted: write https://{host}"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadAddress(f"api_url must not hold a key, a user or parameters: {MEND}")
    _check_path(parts.path, host)
    default_port = 443 if scheme == "https" else 80
    shown_port = "" if port in {None, default_port} else f":{port}"
    shown_host = f"[{host}]" if ":" in host else host
    branded = _BRANDED_HOST.fullmatch(host)
    account = "loopback" if loopback else branded[1] if branded else host
    return Address(f"{scheme}://{shown_host}{shown_port}", f"{account}{shown_port}", loopback)


def _check_path(path: str, host: str) -> None:
    if re.fullmatch(r"/*|/+api/+3/*", path):
        return
    lowered = path.lower()
    if lowered.startswith("/admin") and "api" not in lowered:
        raise BadAddress(f"api_url points at the admin pages of {host}: {MEND}")
    if "api.php" in lowered or re.match(r"/+api/+[12]\b", lowered):
        raise BadAddress(f"api_url points at an old version of the API on {host}: {MEND}")
    raise BadAddress(f"api_url has a path that is not /api/3: {MEND}")


def _host(parts: object) -> str:
    try:
        return (getattr(parts, "hostname", None) or "").rstrip(".").lower()
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
