# HTTP/2 alone, with httpx; prints what came of it as JSON.
import asyncio
import json
import os
import ssl

import httpx

base = os.environ["BASE"]
headers = {"Authorization": "Bearer " + os.environ["KEY"]}


class OnlyHttp2(ssl.SSLContext):
    """In a tunnel, httpx offers HTTP/1.1 even where it is switched off."""

    def set_alpn_protocols(self, _):
        super().set_alpn_protocols(["h2"])


async def main():
    context = OnlyHttp2(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(os.environ["SSL_CERT_FILE"])
    async with httpx.AsyncClient(http2=True, verify=context, timeout=20) as client:
        answer = await client.get(base + "/authorization", headers=headers)
        length = await client.put(base + "/length", headers=headers, content=bytes(1_000_000))
        many = await asyncio.gather(*(client.get(base + "/authorization", headers=headers) for _ in range(50)))
        right = sum(each.text == headers["Authorization"] for each in many)
        version = answer.http_version.removeprefix("HTTP/")
        print(json.dumps({"version": version, "returned": answer.text, "length": length.text.split()[0], "many": right}))


asyncio.run(main())
