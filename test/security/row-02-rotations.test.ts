import assert from 'node:assert/strict';
import { createGzip, gunzipSync, constants } from 'node:zlib';
import type { Gzip } from 'node:zlib';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { openHttp2Session } from '../support/http2-client.ts';
import { waitUntil } from '../support/processes.ts';

/**
 * Row 2 and 7 together: an answer that is under way while its secret is rotated. The host may know the new value, since another
 * request carried it, and say it in the old answer.
 */
const host = 'api.example.com';
/** "open streams end within a second": within that every worker has heard of a change, and searches for what holds now. */
const withinMs = 1000;
let rig: EgressRig;
let count = 0;

before(async () => {
  rig = await startEgressRig({ names: [host] });
});
after(async () => {
  await rig?.stop();
});

interface Scene {
  sandbox: RigSandbox;
  name: string;
  path: string;
  old: string;
}

async function scene(): Promise<Scene> {
  const name = `key-${++count}`;
  const old = `real-value-before-${count}-0123456789`;
  await rig.secret({ name, value: old, auth: { type: 'bearer' }, hosts: [host] });
  return { sandbox: await rig.sandbox({ KEY: name }), name, path: `/${count}`, old };
}

/** What an upstream says, a piece at a time, for as long as the test wants. */
class Speech {
  #next = Promise.withResolvers<string | null>();

  say(text: string | null): void {
    this.#next.resolve(text);
  }

  async *pieces(encode: (text: string) => Buffer | Promise<Buffer>): AsyncGenerator<Buffer> {
    for (;;) {
      const text = await this.#next.promise;
      this.#next = Promise.withResolvers();
      if (text === null) return;
      yield await encode(text);
    }
  }
}

const chunk = (content: Buffer | string) =>
  Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), Buffer.from(content), Buffer.from('\r\n')]);
const frame = (text: string) => Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);
const webSocketHead = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n';

async function flushed(gzip: Gzip, text: string): Promise<Buffer> {
  gzip.write(text);
  await new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, resolve));
  const parts: Buffer[] = [];
  for (let part: unknown = gzip.read(); part instanceof Buffer; part = gzip.read()) parts.push(part);
  return Buffer.concat(parts);
}

/** A client of one answer: what has come of its content. */
interface Listener {
  heard: () => string;
  close(): void;
}

async function overHttp1(
  { sandbox, path }: Scene,
  options: { more?: string; decode(raw: Buffer): string },
): Promise<Listener> {
  const connection = await sandbox.connect(host);
  connection.send(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${sandbox.standIn('KEY')}\r\n${options.more ?? ''}\r\n`,
  );
  await connection.reader.until('\r\n\r\n');
  return { heard: () => options.decode(connection.reader.rest()), close: () => connection.close() };
}

/** The payloads of short frames and fragments. */
function unframed(raw: Buffer): string {
  let text = '';
  for (let at = 0; at + 2 <= raw.length; at += 2 + (raw[at + 1] ?? 0))
    text += raw.toString('utf8', at + 2, at + 2 + (raw[at + 1] ?? 0));
  return text;
}

/** The upstream answers in chunks, each of them what `speech` says. */
function answerInChunks(
  { path }: Scene,
  speech: Speech,
  options: { more?: string; encode?: (text: string) => Promise<Buffer>; trailers?: string } = {},
): void {
  const { more = '', encode = (text) => Promise.resolve(Buffer.from(text)), trailers = '' } = options;
  rig.answer(path, () => ({
    bytes: (async function* bytes() {
      yield `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${more}\r\n`;
      yield* speech.pieces(async (text) => chunk(await encode(text)));
      yield `0\r\n${trailers}\r\n`;
    })(),
  }));
}

/** Has a value said until the stand-in is heard in its place; how long that took, in milliseconds. */
async function untilHidden(
  { speech, heard }: { speech: Speech; heard: () => string },
  { value, standIn, mark = '' }: { value: string; standIn: string; mark?: string },
): Promise<number> {
  const begun = performance.now();
  for (let number = 0; ; number++) {
    speech.say(`<${mark}${number}=${value}>`);
    const said = new RegExp(`<${mark}${number}=[^>]*>`);
    await waitUntil(() => said.test(heard()), { what: 'what was said' });
    if (heard().includes(`<${mark}${number}=${standIn}>`)) return performance.now() - begun;
  }
}

const ways: Record<string, (here: Scene, speech: Speech) => Promise<Listener>> = {
  chunks: async (here, speech) => {
    answerInChunks(here, speech);
    return await overHttp1(here, { decode: (raw) => withoutSizes(raw).toString() });
  },
  'chunks of gzip': async (here, speech) => {
    const gzip = createGzip();
    answerInChunks(here, speech, { more: 'Content-Encoding: gzip\r\n', encode: (text) => flushed(gzip, text) });
    const decode = (raw: Buffer) => {
      const coded = withoutSizes(raw);
      return coded.length === 0 ? '' : gunzipSync(coded, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
    };
    return await overHttp1(here, { more: 'Accept-Encoding: gzip\r\n', decode });
  },
  'frames of a WebSocket': async (here, speech) => {
    rig.answer(here.path, () => ({
      bytes: (async function* bytes() {
        yield webSocketHead;
        yield* speech.pieces(frame);
      })(),
    }));
    return await overHttp1(here, { more: 'Connection: Upgrade\r\nUpgrade: websocket\r\n', decode: unframed });
  },
  'DATA of HTTP/2': async (here, speech) => {
    answerInChunks(here, speech);
    const session = await openHttp2Session(here.sandbox, host);
    const stream = session.request({ ':path': here.path, authorization: `Bearer ${here.sandbox.standIn('KEY')}` });
    let text = '';
    stream.on('data', (part: Buffer) => (text += part.toString()));
    await once(stream, 'response');
    return { heard: () => text, close: () => session.destroy() };
  },
};

/** As far as chunks are whole. */
function withoutSizes(raw: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = raw.indexOf('\r\n', at);
    const size = end === -1 ? Number.NaN : Number.parseInt(raw.toString('latin1', at, end), 16);
    if (Number.isNaN(size) || end + 2 + size > raw.length) return Buffer.concat(parts);
    parts.push(raw.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

describe('an answer that is under way while its secret is rotated, twice', () => {
  for (const [what, listen] of Object.entries(ways)) {
    it(`in ${what} gives back neither the value that it was asked for with nor the one that holds now`, async () => {
      const here = await scene();
      const speech = new Speech();
      const listener = await listen(here, speech);
      const standIn = here.sandbox.standIn('KEY');
      const hidden = async (value: string, mark: string) =>
        await untilHidden({ speech, heard: listener.heard }, { value, standIn, mark });
      assert.ok((await hidden(here.old, 'a')) < withinMs);
      assert.ok(!listener.heard().includes(here.old));
      for (const mark of ['b', 'c']) {
        const next = `real-value-${mark}-${count}-0123456789`;
        await rig.server.client.secrets.rotate(here.name, next);
        assert.ok((await hidden(next, mark)) < withinMs, `${next} was told for longer than a second`);
        const seen = listener.heard().length;
        for (let again = 0; again < 5; again++) await hidden(next, `${mark}x${again}y`);
        await hidden(here.old, `${mark}z`);
        const rest = listener.heard().slice(seen);
        assert.ok(!rest.includes(next) && !rest.includes(here.old), rest);
      }
      speech.say(null);
      listener.close();
    });
  }

  it('says it in the trailers of the answer either', async () => {
    const here = await scene();
    const speech = new Speech();
    const next = `real-value-in-trailers-${count}`;
    answerInChunks(here, speech, { more: 'Trailer: X-Echo\r\n', trailers: `X-Echo: ${next} ${here.old}\r\n` });
    const connection = await here.sandbox.connect(host);
    const standIn = here.sandbox.standIn('KEY');
    connection.send(
      `GET ${here.path} HTTP/1.1\r\nHost: ${host}\r\nTE: trailers\r\nAuthorization: Bearer ${standIn}\r\n\r\n`,
    );
    await connection.reader.until('\r\n\r\n');
    await rig.server.client.secrets.rotate(here.name, next);
    const heard = () => withoutSizes(connection.reader.rest()).toString();
    await untilHidden({ speech, heard }, { value: next, standIn });
    speech.say(null);
    await connection.reader.until('\r\n0\r\n');
    const end = (await connection.reader.until('\r\n\r\n')).toString();
    assert.match(end, new RegExp(`X-Echo: ${standIn} ${standIn}\r\n`));
    connection.close();
  });
});

describe('an answer that is under way while a secret of its host is attached', () => {
  it('does not give that back, where it was searched for another', async () => {
    const here = await scene();
    const name = `attached-${count}`;
    const value = `real-value-attached-${count}`;
    await rig.secret({ name, value, auth: { type: 'api-key', header: 'x-key' }, hosts: [host] });
    const speech = new Speech();
    const listener = await ways['chunks']?.(here, speech);
    assert.ok(listener);
    await rig.server.client.sandboxes.attach(here.sandbox.id, { env_key: 'OTHER', secret_name: name });
    const standIn = (await rig.server.client.sandboxes.activate(here.sandbox.id)).egress.env['OTHER'];
    assert.ok(standIn);
    assert.ok((await untilHidden({ speech, heard: listener.heard }, { value, standIn })) < withinMs);
    listener.close();
  });
});
