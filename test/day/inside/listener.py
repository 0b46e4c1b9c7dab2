"""Asks the CRM again and again and listens to it over a WebSocket, all day: `listener.py FILE SECONDS`; a line for each event."""
import asyncio
import os
import sys
import time

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

headers = {"Authorization": "Bearer " + os.environ["CRM_TOKEN"]}
pause = float(sys.argv[2])


def note(began, *words):
    with open(sys.argv[1], "a") as file:
        print(int(began * 1000), int(time.time() * 1000), *words, file=file)


async def ask():
    async with httpx.AsyncClient(timeout=600, trust_env=True) as client:
        while True:
            began = time.time()
            answer = await client.get("https://crm.example.com/contacts", headers=headers)
            code = answer.headers.get("x-standin-error", "-")
            note(began, "asked", answer.status_code, code, answer.text if answer.status_code == 200 else "")
            await asyncio.sleep(pause)


async def listen():
    while True:
        began = time.time()
        try:
            # A handshake may lie across a pause, whose length counts for a timeout.
            async with connect(
                "wss://crm.example.com/feed", additional_headers=headers, ping_interval=None, open_timeout=None
            ) as socket:
                note(began, "opened", await socket.recv())
                while True:
                    await socket.send("beat")
                    await socket.recv()
                    await asyncio.sleep(pause)
        except InvalidStatus as error:
            note(began, "shut", error.response.status_code, error.response.headers.get("x-standin-error", "-"))
        except ConnectionClosed:
            note(began, "closed")
        await asyncio.sleep(pause)


async def main():
    await asyncio.gather(ask(), listen())


asyncio.run(main())
