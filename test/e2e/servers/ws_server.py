# Serves WebSockets over TLS with websockets: `ws_server.py CERTIFICATE KEY`. Says its port, then what each handshake brought.
import asyncio
import json
import ssl
import sys

from websockets.asyncio.server import serve


async def handle(socket):
    request = socket.request
    authorization = request.headers.get("Authorization", "")
    print(json.dumps([request.path, authorization, request.headers.get("Sec-WebSocket-Extensions")]), flush=True)
    path, _, query = request.path.partition("?")
    if path == "/echo":
        async for message in socket:
            await socket.send(message)
    elif path == "/authorization":
        await socket.send(f"you sent {authorization}")
        await socket.wait_closed()
    elif path == "/query":
        await socket.send(f"you sent {query}")
        await socket.wait_closed()
    elif path == "/fragments":
        await socket.send(["one ", "two ", "", "three"])
        await socket.wait_closed()
    elif path == "/close":
        await socket.close(4321, "that is all")


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[1:3])
    async with serve(handle, "127.0.0.1", 0, ssl=context, max_size=None) as server:
        print(f"port {next(iter(server.sockets)).getsockname()[1]}", flush=True)
        await server.serve_forever()


asyncio.run(main())
