import pytest

from node.sources.proxmox_endpoint import fingerprint_of, parse

DIGEST = bytes(range(32))
WRITTEN = DIGEST.hex(":").upper()


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("https://pve.example.com:8006", "https://pve.example.com:8006"),
        ("https://pve.example.com", "https://pve.example.com:8006"),
        ("https://pve.example.com:", "https://pve.example.com:8006"),
        ("https://pve.example.com:443/", "https://pve.example.com:443"),
        ("pve.example.com", "https://pve.example.com:8006"),
        ("pve:9000", "https://pve:9000"),
        ("  HTTPS://PVE.Example.COM:8006/  ", "https://pve.example.com:8006"),
        ("https://pve.example.com.:8006", "https://pve.example.com.:8006"),
        ("https://pve_1.lan", "https://pve_1.lan:8006"),
        ("10.0.0.11", "https://10.0.0.11:8006"),
        ("https://[2001:DB8:0:0::1]", "https://[2001:db8::1]:8006"),
        ("[::1]:9000", "https://[::1]:9000"),
        ("https://[fe80::1%eth0]:8006", "https://[fe80::1%eth0]:8006"),
        ("https://proxy.example.com/pve/", "https://proxy.example.com:8006/pve"),
        ("https://pve:8006/api2/json/", "https://pve:8006"),
        ("https://proxy:443/pve/api2/json", "https://proxy:443/pve"),
        ("http://127.0.0.1:8006", "http://127.0.0.1:8006"),
        ("http://127.9.9.9", "http://127.9.9.9:8006"),
        ("http://[::1]:8006", "http://[::1]:8006"),
        ("http://localhost:8006", "http://localhost:8006"),
    ],
)
def test_an_endpoint_has_one_written_form(text: str, parsed: str) -> None:
    assert parse(text) == parsed
    assert parse(parsed) == parsed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no host"),
        ("   ", "names no host"),
        ("https://", "names no host"),
        ("https://:8006", "names no host"),
        ("ftp://pve", "write https://host:8006"),
        ("https:/pve:8006", "lacks a slash"),
        ("https:pve", "lacks a slash"),
        ("javascript:alert(1)", r"'alert\(1\)' is no port"),
        ("https://root@pve:8006", "the user and the password stand in fields of their own"),
        ("https://root:secret@pve:8006", "the user and the password stand in fields of their own"),
        ("https://pve:8006/#v1:0:=node", "has a \\? or #"),
        ("https://pve:8006/?console=1", "has a \\? or #"),
        ("https://pve:8006/#", "has a \\? or #"),
        ("https://pve:8006/a b", "holds a blank"),
        ("https://pve\n.example.com", "holds a blank or a control character"),
        ("https://pve\x00", "holds a blank or a control character"),
        ("https://pve\u202e", "holds a blank or a control character"),
        ("https://pve:8006/a\\b", "has a strange path"),
        ("https://pve:8006/é", "has a strange path"),
        ("https://pve:0", "'0' is no port"),
        ("https://pve:65536", "'65536' is no port"),
        ("https://pve:٨٠٠٦", "is no port"),
        ("https://pve:-1", "'-1' is no port"),
        ("https://-pve", "is no host name"),
        ("https://pve..lan", "is no host name"),
        ("https://pvé.lan", "is no host name"),
        (f"https://{'a' * 64}.lan", "is no host name"),
        (f"https://{'a.' * 127}a", "is no host name"),
        ("https://10.0.0", "Expected 4 octets"),
        ("https://10.0.0.256", "256"),
        ("https://2001:db8::1", "stands in brackets"),
        ("https://[2001:db8::g]", "2001"),
        ("https://[::1", "Invalid IPv6 URL"),
        ("http://pve.example.com:8006", "is not encrypted"),
        ("http://10.0.0.11:8006", "is not encrypted"),
        ("http://localhost.example.com", "is not encrypted"),
        ("http://127.0.0.1.example.com", "is not encrypted"),
    ],
)
def test_what_is_no_endpoint_is_refused_in_words_that_hold_no_password(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        WRITTEN,
        DIGEST.hex(),
        DIGEST.hex(":"),
        f"  {DIGEST.hex(' ', 4)}\n",
        f"sha256 Fingerprint={WRITTEN}",
    ],
)
def test_a_fingerprint_has_one_written_form(text: str) -> None:
    assert fingerprint_of(text) == WRITTEN


@pytest.mark.parametrize("text", ["", WRITTEN[:-1], WRITTEN + "0", "G" + WRITTEN[1:], DIGEST[:20].hex(":")])
def test_what_is_no_sha256_is_no_fingerprint(text: str) -> None:
    with pytest.raises(ValueError, match="is no SHA-256 fingerprint"):
        fingerprint_of(text)
