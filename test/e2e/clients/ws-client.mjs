// One conversation with each path of `BASE`, with ws; prints what came of them as JSON.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';

const headers = { Authorization: `Bearer ${process.env.KEY}` };
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
const results = {};

/** ws leaves proxies to its caller: a tunnel first, then its handshake in that. */
async function open(origin, path, fields = {}) {
  const proxy = new URL(process.env.HTTPS_PROXY);
  const { hostname } = new URL(origin);
  const credentials = Buffer.from(`${proxy.username}:${proxy.password}`).toString('base64');
  const asked = request({
    host: proxy.hostname,
    port: proxy.port,
    method: 'CONNECT',
    path: `${hostname}:443`,
    headers: { Host: `${hostname}:443`, 'Proxy-Authorization': `Basic ${credentials}` },
  });
  asked.end();
  const [{ statusCode }, tunnel] = await once(asked, 'connect');
  if (statusCode !== 200) throw new Error(`CONNECT: ${statusCode}`);
  const socket = new WebSocket(origin.replace('https:', 'wss:') + path, {
    headers: fields,
    createConnection: () => connectTls({ socket: tunnel, servername: hostname }),
    maxPayload: 16 << 20,
  });
  const received = [];
  const waiting = [];
  socket.on('message', (data, isBinary) => {
    const message = isBinary ? data : Buffer.from(data).toString();
    if (waiting.length > 0) waiting.shift()(message);
    else received.push(message);
  });
  socket.next = () =>
    received.length > 0 ? Promise.resolve(received.shift()) : new Promise((resolve) => waiting.push(resolve));
  await once(socket, 'open');
  return socket;
}

const base = process.env.BASE;
const socket = await open(base, '/echo', headers);
results.extensions = socket.extensions || null;
socket.send('text, dé, 𝒳');
results.text = await socket.next();
const every = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
socket.send(every);
results.binary = every.equals(await socket.next());
for (const [part, fin] of [
  ['frag', false],
  ['ment', false],
  ['', false],
  ['ed', true],
])
  socket.send(part, { fin });
results.fragmented = await socket.next();
socket.ping('are you there');
results.pong = String((await once(socket, 'pong'))[0]) === 'are you there';
const large = randomBytes(10_000_000);
socket.send(large);
results.large = digest(await socket.next()) === digest(large);
socket.send('x'.repeat(10_000_000));
results.largeText = (await socket.next()).length;
socket.close(4001, 'enough');
const [code, reason] = await once(socket, 'close');
results.closed = [code, String(reason)];

results.returned = await (await open(base, '/authorization', headers)).next();
results.returnedQuery = await (await open(base, `/query?key=${process.env.QUERY_KEY}`)).next();
results.pieces = await (await open(base, '/fragments')).next();
const [theirCode, theirReason] = await once(await open(base, '/close'), 'close');
results.closedByServer = [theirCode, String(theirReason)];

const other = await open(process.env.OTHER, '/echo');
results.otherExtensions = other.extensions || null;
other.send('compress '.repeat(1000));
results.compressed = (await other.next()) === 'compress '.repeat(1000);
console.log(JSON.stringify(results));
process.exit();
