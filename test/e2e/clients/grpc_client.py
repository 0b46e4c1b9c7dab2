# Every kind of call with grpcio to `TARGET`; prints what came of them as JSON.
import json
import os
import queue
import threading

import grpc

channel = grpc.secure_channel(
    os.environ["TARGET"], grpc.ssl_channel_credentials(), options=[("grpc.max_receive_message_length", 16 << 20)]
)
path = "/conformance.Calls/".__add__
authorization = [("authorization", "Bearer " + os.environ["GRPC_KEY"])]
results = {}

unary = channel.unary_unary(path("Unary"))
binary = os.urandom(300)
answer, call = unary.with_call(b"hello", metadata=[*authorization, ("x-binary-bin", binary)])
trailers = dict(call.trailing_metadata())
results["unary"] = answer.decode()
results["returned"] = trailers.get("x-authorization")
results["binary"] = trailers.get("x-binary-bin") == binary

parts = [part.decode() for part in channel.unary_stream(path("Down"))(b"1000", metadata=authorization)]
results["down"] = sum(part == str(index) for index, part in enumerate(parts))

results["up"] = int(channel.stream_unary(path("Up"))((bytes(10_000) for _ in range(100)), metadata=authorization))

said = queue.Queue()
said.put(b"0")
results["both"] = 0
for part in channel.stream_stream(path("Both"))(iter(said.get, None), metadata=authorization):
    if part.decode() != str(results["both"]):
        break
    results["both"] += 1
    said.put(None if results["both"] == 100 else str(results["both"]).encode())


def failure(future):
    return future.exception() if not future.cancelled() else future


failed = failure(channel.unary_unary(path("Fail")).future(b"9", metadata=authorization))
results["failed"] = [failed.code().value[0], failed.details(), dict(failed.trailing_metadata()).get("x-reason")]

wait = channel.unary_unary(path("Wait"))
results["deadline"] = failure(wait.future(b"", timeout=0.3, metadata=authorization)).code().value[0]
count = channel.unary_unary(path("Cancelled"))
before = int(count(b""))
waiting = wait.future(b"", metadata=authorization)
threading.Timer(0.1, waiting.cancel).start()
try:
    waiting.result()
except grpc.FutureCancelledError:
    results["cancelled"] = waiting.code().value[0]
while not (int(count(b"")) > before):
    pass
results["heardOfIt"] = True

big = os.urandom(5_000_000)
results["big"] = "equal" if unary(big, metadata=authorization) == big else "not equal"

repeated = b"again and " * 10_000
results["repeated"] = "equal" if unary(repeated, metadata=authorization) == repeated else "not equal"

many = [unary.future(f"call {index}".encode(), metadata=authorization) for index in range(200)]
results["many"] = sum(call.result() == f"call {index}".encode() for index, call in enumerate(many))

results["refused"] = failure(unary.future(b"hello", metadata=[("x-key", os.environ["GRPC_KEY"])])).code().value[0]
print(json.dumps(results))
