import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { pathOf } from '../behaviours.ts';
import { credentialField } from '../plan.ts';
import type { Box, World } from '../world.ts';
import { attempt, judgeEcho } from './attempt.ts';
import { bindingOf } from './http1.ts';
import { openLine, readAnswer } from './line.ts';

const messages = 6;
const pauseMs = 250;

/** Opens a WebSocket, sends a few messages, and reads each back with the credential behind it. */
export async function openWebSocket(world: World, box: Box): Promise<void> {
  const secret = world.random.pick(world.secretsOf(box.plan.index).filter(({ envKey }) => envKey !== 'HTTP2'));
  const binding = bindingOf(box, secret);
  const intent = { box: box.plan.index, host: secret.host, kind: 'websocket', binding, forbidden: false };
  await attempt(world, intent, async ({ number, onAbandoned }) => {
    const line = await openLine(world, box, { host: secret.host, way: 'connect' });
    onAbandoned(() => line.close());
    try {
      const fields = binding === null ? [] : [credentialField(secret.scheme, binding.standIn)];
      const lines = [
        `GET ${pathOf(intent.box, number, 'socket')} HTTP/1.1`,
        `Host: ${secret.host}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
        ...fields.map(([name, value]) => `${name}: ${value}`),
      ];
      line.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      const { from } = await readAnswer(world, line, number);
      if (from === 'refused') return;
      for (let count = 0; count < messages; count++) {
        line.socket.write(textFrame(`message ${count}`));
        const [, length = 0] = await line.reader.exactly(2);
        const text = (await line.reader.exactly(length)).toString('latin1');
        judgeEcho(world.findings, { ...intent, number }, text);
        await delay(pauseMs);
      }
    } finally {
      line.close();
      world.ledger.finished(number);
    }
  });
}

/** Masked, as a client's must be (RFC 6455 section 5.3); under 126 bytes. */
function textFrame(text: string): Buffer {
  const mask = randomBytes(4);
  const payload = Buffer.from(text).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, payload]);
}
