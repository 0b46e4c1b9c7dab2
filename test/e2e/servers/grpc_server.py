# Serves conformance.Calls with grpcio: `grpc_server.py CERTIFICATE KEY`. Says its port, then what each call brought.
import json
import sys
import threading
from concurrent import futures

import grpc

cancelled = 0


def heard(name, context):
    metadata = dict(context.invocation_metadata())
    # One write a line: calls are answered by threads.
    sys.stdout.write(json.dumps([name, metadata.get("authorization", "")]) + "\n")
    sys.stdout.flush()
    return metadata


def unary(request, context):
    metadata = heard("Unary", context)
    trailers = [("x-authorization", metadata.get("authorization", ""))]
    if "x-binary-bin" in metadata:
        trailers.append(("x-binary-bin", metadata["x-binary-bin"]))
    context.set_trailing_metadata(trailers)
    return request


def down(request, context):
    heard("Down", context)
    for index in range(int(request)):
        yield str(index).encode()


def up(requests, context):
    heard("Up", context)
    return str(sum(len(part) for part in requests)).encode()


def both(requests, context):
    heard("Both", context)
    yield from requests


def fail(request, context):
    heard("Fail", context)
    context.set_trailing_metadata([("x-reason", "because")])
    code = next(each for each in grpc.StatusCode if each.value[0] == int(request))
    context.abort(code, "détail: 100 %")


def wait(request, context):
    heard("Wait", context)
    over = threading.Event()

    def end():
        global cancelled
        cancelled += 1
        over.set()

    context.add_callback(end)
    over.wait()
    return b""


handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Down": grpc.unary_stream_rpc_method_handler(down),
    "Up": grpc.stream_unary_rpc_method_handler(up),
    "Both": grpc.stream_stream_rpc_method_handler(both),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Wait": grpc.unary_unary_rpc_method_handler(wait),
    "Cancelled": grpc.unary_unary_rpc_method_handler(lambda request, context: str(cancelled).encode()),
}
certificate, key = (open(path, "rb").read() for path in sys.argv[1:3])
# It compresses for every client that takes that.
server = grpc.server(
    futures.ThreadPoolExecutor(max_workers=32),
    options=[("grpc.max_receive_message_length", 16 << 20)],
    compression=grpc.Compression.Gzip,
)
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("conformance.Calls", handlers)])
port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
server.start()
print(f"port {port}", flush=True)
server.wait_for_termination()
