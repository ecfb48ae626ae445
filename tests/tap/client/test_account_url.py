"""The account's address in the forms that users paste."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.client import InvalidSetting, parse_url

KEY = "5f0c1b9e7a6d4c3b2a190817f6e5d4c3b2a190817f6e5d4c3b2a190817f6e5d4"

PASTED = [
    "https://acme.api-us1.com",
    "https://acme.api-us1.com/",
    "https://acme.api-us1.com//",
    "https://acme.api-us1.com/api/3",
    "https://acme.api-us1.com/api/3/",
    "https://acme.api-us1.com//api//3//",
    "https://acme.api-us1.com/API/3",
    "https://acme.api-us1.com:443",
    "https://acme.api-us1.com.",
    "HTTPS://ACME.API-US1.COM/api/3",
    "acme.api-us1.com",
    "acme.api-us1.com/api/3",
    "  https://acme.api-us1.com \n",
    '"https://acme.api-us1.com"',
    "'https://acme.api-us1.com'",
    "<https://acme.api-us1.com>",
    "https://@acme.api-us1.com",
]


@pytest.mark.parametrize("text", PASTED)
def test_every_way_of_pasting_the_url_is_one_address(text):
    """Case, slashes, quotes, the default port and /api/3 do not change the address."""
    address = parse_url(text)
    assert address.origin == "https://acme.api-us1.com"
    assert address.account == "acme"
    assert not address.is_loopback


def test_both_hosts_of_an_account_share_what_belongs_to_the_account():
    """The API host and the older activehosted.com host are one account."""
    hosted = parse_url("https://acme.activehosted.com")
    assert hosted.account == parse_url("https://acme.api-us1.com").account
    assert hosted.origin == "https://acme.activehosted.com"


def test_a_host_of_another_brand_is_taken_as_it_is():
    """Any host is accepted: ActiveCampaign advises against assembling host names."""
    address = parse_url("https://crm.example.org:8443")
    assert (address.origin, address.account) == (
        "https://crm.example.org:8443",
        "crm.example.org:8443",
    )


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/api/3", "http://localhost:8080"),
        ("localhost:8080", "http://localhost:8080"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://localhost:8080", "https://localhost:8080"),
        ("http://localhost:80", "http://localhost"),
    ],
)
def test_loopback_addresses_may_use_http(text, origin):
    """Loopback addresses keep their scheme and may use http."""
    address = parse_url(text)
    assert address.origin == origin
    assert address.is_loopback


def test_every_name_of_this_machine_is_one_account():
    """localhost, 127.0.0.1 and ::1 share one budget per port."""
    names = ("http://localhost:9", "http://127.0.0.1:9", "http://[::1]:9")
    assert {parse_url(name).account for name in names} == {"loopback:9"}


def test_an_address_makes_the_urls_of_endpoints():
    """A path is appended to /api/3, with or without a leading slash."""
    address = parse_url("acme.api-us1.com")
    assert address.url("contacts/7") == "https://acme.api-us1.com/api/3/contacts/7"
    assert address.url("/contacts") == "https://acme.api-us1.com/api/3/contacts"


REFUSED = [
    (None, "empty"),
    (7, "empty"),
    ("", "empty"),
    ("  ", "empty"),
    ("https://", "no usable host"),
    ("https:///api/3", "no usable host"),
    ("https://acme api-us1.com", "no usable host"),
    ("https://acme..api-us1.com", "no usable host"),
    ("https://a%20b.com", "no usable host"),
    ("https://[::1", "no usable host"),
    ("https://acme\u2100.com", "no usable host"),
    (f"https://{'a' * 64}.com", "no usable host"),
    ("acme", "no usable host"),
    (KEY, "no usable host"),
    (f"http://{KEY}", "no usable host"),
    ("https://acme.api-us1.com:port", "port that is no number"),
    ("https://acme.api-us1.com:99999", "port that is no number"),
    ("ftp://acme.api-us1.com", "must start with https"),
    ("http://acme.api-us1.com", "write https://acme.api-us1.com"),
    ("http://10.0.0.7", "write https://10.0.0.7"),
    (f"https://{KEY}@acme.api-us1.com", "must not hold a key"),
    (f"https://me:{KEY}@acme.api-us1.com", "must not hold a key"),
    (f"https://acme.api-us1.com/api/3?api_key={KEY}", "must not hold a key"),
    (f"https://acme.api-us1.com/#{KEY}", "must not hold a key"),
    (f"https://acme.api-us1.com/api/3/{KEY}", "not /api/3"),
    (f"http://me:{KEY}@acme.api-us1.com?api_key={KEY}", "write https://acme.api-us1.com"),
    ("https://acme.activehosted.com/admin/main.php", "admin pages of acme.activehosted.com"),
    ("https://acme.api-us1.com/admin/api.php", "old version of the API"),
    ("https://acme.api-us1.com/api/2", "old version of the API"),
    ("https://acme.api-us1.com/api/3/contacts", "not /api/3"),
    ("https://acme.api-us1.com/api/3/api/3", "not /api/3"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_an_invalid_address_is_refused_in_one_sentence(text, words):
    """The error names the setting and says in one sentence what is wrong."""
    with pytest.raises(InvalidSetting) as refused:
        parse_url(text)
    message = str(refused.value)
    assert message.startswith("api_url ")
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize("text", [text for text, _ in REFUSED if KEY in str(text)])
def test_a_key_pasted_into_the_url_is_never_repeated(text):
    """No message shows a key that is anywhere in the URL."""
    with pytest.raises(InvalidSetting) as refused:
        parse_url(text)
    assert KEY not in str(refused.value)


@given(st.text(max_size=60) | st.from_regex(r"https?://[^\s]{0,40}"))
def test_any_text_is_an_address_or_a_settings_error(text):
    """Any text is an address or raises the settings error, and no other exception."""
    try:
        address = parse_url(text)
    except InvalidSetting:
        return
    assert parse_url(address.origin) == address
