import type { Socket as UdpSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { SyntheticDns } from './synthetic-dns.ts';

const tcpIdleMs = 10_000;

/** Answers a namespace's queries over UDP. */
export function serveDnsOverUdp(socket: UdpSocket, dns: SyntheticDns): void {
  // An answer that cannot be sent is lost, as datagrams are; the next query is answered all the same.
  socket.on('error', () => {});
  socket.on('message', (query, from) => {
    const answer = dns.answer(query);
    if (answer !== null && from.port !== 0) socket.send(answer, from.port, from.address);
  });
}

/** Answers queries over one TCP connection: each message after its length in two octets (RFC 1035 4.2.2). */
export function serveDnsOverTcp(socket: Socket, dns: SyntheticDns): void {
  let held: Buffer = Buffer.alloc(0);
  socket.setTimeout(tcpIdleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('drain', () => socket.resume());
  socket.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= 2) {
      const end = 2 + held.readUInt16BE(0);
      if (held.length < end) return;
      const answer = dns.answer(held.subarray(2, end));
      held = held.subarray(end);
      if (answer === null) {
        socket.destroy();
        return;
      }
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      // Who does not read the answers is not asked for more queries.
      if (!socket.write(Buffer.concat([length, answer]))) socket.pause();
    }
  });
}
