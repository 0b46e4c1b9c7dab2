// Every kind of call with @grpc/grpc-js to `TARGET`; prints what came of them as JSON.
import { createHash, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';

const client = new grpc.Client(process.env.TARGET, grpc.credentials.createSsl(), {
  'grpc.max_receive_message_length': 16 << 20,
});
const as = (value) => value;
const path = (name) => `/conformance.Calls/${name}`;
const metadata = new grpc.Metadata();
metadata.set('authorization', `Bearer ${process.env.GRPC_KEY}`);
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** The answer, the status and its trailers; never throws. `cancelled` is called with the call. */
function ask(name, message, { fields = metadata, options = {}, started = () => undefined } = {}) {
  return new Promise((resolve) => {
    const result = { code: null, details: null, trailers: null, answer: null };
    const call = client.makeUnaryRequest(path(name), as, as, Buffer.from(message), fields, options, (error, answer) => {
      result.answer = answer ?? null;
      result.code = error?.code ?? 0;
      result.details = error?.details ?? '';
    });
    call.on('status', (status) => setImmediate(() => resolve({ ...result, trailers: status.metadata })));
    started(call);
  });
}

const results = {};

const binary = randomBytes(300);
const withBinary = metadata.clone();
withBinary.set('x-binary-bin', binary);
const unary = await ask('Unary', 'hello', { fields: withBinary });
results.unary = unary.answer?.toString() ?? unary.details;
results.returned = unary.trailers.get('x-authorization')[0];
results.binary = digest(unary.trailers.get('x-binary-bin')[0]) === digest(binary);

const down = client.makeServerStreamRequest(path('Down'), as, as, Buffer.from('1000'), metadata);
results.down = 0;
for await (const part of down) if (part.toString() === String(results.down)) results.down += 1;

results.up = await new Promise((resolve, reject) => {
  const call = client.makeClientStreamRequest(path('Up'), as, as, metadata, (error, answer) =>
    error ? reject(error) : resolve(Number(answer)),
  );
  for (let index = 0; index < 100; index += 1) call.write(Buffer.alloc(10_000));
  call.end();
});

const both = client.makeBidiStreamRequest(path('Both'), as, as, metadata);
results.both = 0;
both.write(Buffer.from('0'));
for await (const part of both) {
  if (part.toString() !== String(results.both)) break;
  results.both += 1;
  if (results.both === 100) both.end();
  else both.write(Buffer.from(String(results.both)));
}

const failed = await ask('Fail', '9');
results.failed = [failed.code, failed.details, failed.trailers.get('x-reason')[0]];

results.deadline = (await ask('Wait', '', { options: { deadline: Date.now() + 300 } })).code;
const before = Number((await ask('Cancelled', '')).answer);
results.cancelled = (await ask('Wait', '', { started: (call) => setTimeout(() => call.cancel(), 100) })).code;
do results.heardOfIt = Number((await ask('Cancelled', '')).answer) > before;
while (!results.heardOfIt);

const big = randomBytes(5_000_000);
const back = await ask('Unary', big);
results.big = back.answer !== null && digest(back.answer) === digest(big) ? 'equal' : `${back.code} ${back.details}`;

const repeated = Buffer.alloc(100_000, 'again and ');
const same = await ask('Unary', repeated);
results.repeated = same.answer?.equals(repeated) === true ? 'equal' : `${same.code} ${same.details}`;

const many = await Promise.all(Array.from({ length: 200 }, (_, index) => ask('Unary', `call ${index}`)));
results.many = many.filter(({ answer }, index) => answer?.toString() === `call ${index}`).length;

const elsewhere = metadata.clone();
elsewhere.remove('authorization');
elsewhere.set('x-key', process.env.GRPC_KEY);
const refused = await ask('Unary', 'hello', { fields: elsewhere });
results.refused = refused.code;

console.log(JSON.stringify(results));
await promisify(setImmediate)();
client.close();
