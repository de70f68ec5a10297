"""The peer opens what the RFC's own example holds, and what a second implementation (npm's http_ece) sealed."""

import json
import subprocess

import pytest
from cryptography.exceptions import InvalidTag

from tests.peers.push_service import Browser, decoded, encoded
from tests.requires import requires
from tools.system_parts import ROOT

# RFC 8291, appendix A.
RFC_BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
RFC_AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
RFC_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
RFC_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"


def rfc_browser() -> Browser:
    return Browser("https://push.example.net/p/1", int.from_bytes(decoded(RFC_PRIVATE)), decoded(RFC_AUTH))


def test_the_example_of_the_rfc_is_opened() -> None:
    browser = rfc_browser()
    assert encoded(browser.public) == RFC_PUBLIC
    assert browser.opened(decoded(RFC_BODY)) == b"When I grow up, I want to be a watermelon"


def test_what_is_for_another_browser_stays_shut() -> None:
    with pytest.raises(InvalidTag):
        Browser("https://push.example.net/p/2", auth=decoded(RFC_AUTH)).opened(decoded(RFC_BODY))


@requires("http_ece")
def test_what_the_npm_package_seals_is_opened() -> None:
    browser = rfc_browser()
    script = """
        const ece = require("http_ece"), crypto = require("crypto");
        const {p256dh, auth} = JSON.parse(process.argv[1]);
        const ours = crypto.createECDH("prime256v1");
        ours.generateKeys();
        const sealed = ece.encrypt(Buffer.from("down"), {version: "aes128gcm", privateKey: ours, dh: p256dh, authSecret: auth});
        process.stdout.write(sealed.toString("base64url"));
    """
    keys = json.dumps(browser.subscription)
    done = subprocess.run(
        ["node", "-e", script, keys], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert browser.opened(decoded(done.stdout)) == b"down"
