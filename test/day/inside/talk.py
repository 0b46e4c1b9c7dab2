"""One exchange over a WebSocket whose handshake brings the credential: `talk.py TEXT`; prints what came back."""
import asyncio
import os
import sys

from websockets.asyncio.client import connect


async def main():
    headers = {"Authorization": "Bearer " + os.environ["SOCKET_TOKEN"]}
    async with connect("wss://socket.example.com/talk", additional_headers=headers) as socket:
        await socket.recv()
        await socket.send(sys.argv[1])
        print(await socket.recv())


asyncio.run(main())
