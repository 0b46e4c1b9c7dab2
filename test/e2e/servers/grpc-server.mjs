// Serves conformance.Calls with @grpc/grpc-js: `grpc-server.mjs CERTIFICATE KEY`. Says its port, then what each call brought.
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import grpc from '@grpc/grpc-js';

const bytes = { serialize: (value) => value, deserialize: (value) => value };
const method = (name, requestStream, responseStream) => [
  name,
  {
    path: `/conformance.Calls/${name}`,
    requestStream,
    responseStream,
    requestSerialize: bytes.serialize,
    requestDeserialize: bytes.deserialize,
    responseSerialize: bytes.serialize,
    responseDeserialize: bytes.deserialize,
  },
];
const service = Object.fromEntries([
  method('Unary', false, false),
  method('Down', false, true),
  method('Up', true, false),
  method('Both', true, true),
  method('Fail', false, false),
  method('Wait', false, false),
  method('Cancelled', false, false),
]);

let cancelled = 0;
const heard = (name, call) => console.log(JSON.stringify([name, String(call.metadata.get('authorization')[0] ?? '')]));

const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 << 20, 'grpc.max_concurrent_streams': 1000 });
server.addService(service, {
  Unary: (call, answer) => {
    heard('Unary', call);
    const trailers = new grpc.Metadata();
    trailers.set('x-authorization', String(call.metadata.get('authorization')[0] ?? ''));
    for (const value of call.metadata.get('x-binary-bin')) trailers.add('x-binary-bin', value);
    answer(null, call.request, trailers);
  },
  Down: (call) => {
    heard('Down', call);
    const texts = Array.from({ length: Number(call.request) }, (_, index) => Buffer.from(String(index)));
    Readable.from(texts).pipe(call);
  },
  Up: (call, answer) => {
    heard('Up', call);
    let total = 0;
    call.on('data', (part) => (total += part.length));
    call.on('end', () => answer(null, Buffer.from(String(total))));
  },
  Both: (call) => {
    heard('Both', call);
    call.on('data', (part) => call.write(part));
    call.on('end', () => call.end());
  },
  Fail: (call, answer) => {
    heard('Fail', call);
    const metadata = new grpc.Metadata();
    metadata.set('x-reason', 'because');
    answer({ code: Number(call.request), details: 'détail: 100 %', metadata });
  },
  Wait: (call) => {
    heard('Wait', call);
    call.on('cancelled', () => (cancelled += 1));
  },
  Cancelled: (_call, answer) => answer(null, Buffer.from(String(cancelled))),
});
const [certificate, key] = process.argv.slice(2).map((path) => readFileSync(path));
const credentials = grpc.ServerCredentials.createSsl(null, [{ cert_chain: certificate, private_key: key }]);
server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
  if (error) throw error;
  console.log(`port ${port}`);
});
