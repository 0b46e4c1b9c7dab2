# One conversation with each path of `BASE`, with websockets; prints what came of them as JSON.
import asyncio
import hashlib
import json
import os

from websockets.asyncio.client import connect

base = os.environ["BASE"].replace("https://", "wss://", 1)
authorization = {"Authorization": "Bearer " + os.environ["KEY"]}
results = {}


def digest(data):
    return hashlib.sha256(data).hexdigest()


async def main():
    async with connect(base + "/echo", additional_headers=authorization, max_size=None) as socket:
        results["extensions"] = socket.response.headers.get("Sec-WebSocket-Extensions")
        await socket.send("text, dé, 𝒳")
        results["text"] = await socket.recv()
        await socket.send(bytes(range(256)))
        results["binary"] = await socket.recv() == bytes(range(256))
        await socket.send(["frag", "ment", "", "ed"])
        results["fragmented"] = await socket.recv()
        results["pong"] = await (await socket.ping(b"are you there")) >= 0
        large = os.urandom(10_000_000)
        await socket.send(large)
        results["large"] = digest(await socket.recv()) == digest(large)
        await socket.send("x" * 10_000_000)
        results["largeText"] = len(await socket.recv())
        await socket.close(4001, "enough")
        results["closed"] = [socket.close_code, socket.close_reason]
    async with connect(base + "/authorization", additional_headers=authorization) as socket:
        results["returned"] = await socket.recv()
    async with connect(base + "/query?key=" + os.environ["QUERY_KEY"]) as socket:
        results["returnedQuery"] = await socket.recv()
    async with connect(base + "/fragments") as socket:
        results["pieces"] = [piece async for piece in socket.recv_streaming()]
    async with connect(base + "/close") as socket:
        await socket.wait_closed()
        results["closedByServer"] = [socket.close_code, socket.close_reason]
    async with connect(os.environ["OTHER"].replace("https://", "wss://", 1) + "/echo") as socket:
        results["otherExtensions"] = socket.response.headers.get("Sec-WebSocket-Extensions")
        await socket.send("compress " * 1000)
        results["compressed"] = await socket.recv() == "compress " * 1000


asyncio.run(main())
results["pieces"] = "".join(results["pieces"])
print(json.dumps(results))
