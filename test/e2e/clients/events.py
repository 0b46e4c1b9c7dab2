# Prints the lines of an event stream as they come, over HTTP/2: `events.py [gzip] URL`.
import os
import ssl
import sys

import httpx


class OnlyHttp2(ssl.SSLContext):
    """In a tunnel, httpx offers HTTP/1.1 even where it is switched off."""

    def set_alpn_protocols(self, _):
        super().set_alpn_protocols(["h2"])


context = OnlyHttp2(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(os.environ["SSL_CERT_FILE"])
headers = {"Accept-Encoding": "gzip" if "gzip" in sys.argv else "identity"}
if os.environ["AUTHORIZATION"]:
    headers["Authorization"] = os.environ["AUTHORIZATION"]
with httpx.Client(http2=True, verify=context, timeout=20) as client:
    with client.stream("GET", sys.argv[-1], headers=headers) as response:
        assert response.http_version == "HTTP/2"
        for line in response.iter_lines():
            print(line, flush=True)
