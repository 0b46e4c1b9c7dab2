import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './temporary.ts';

/** A name server of the test's own, on port 53 of a loopback address that nobody else uses. */
export interface DnsServer {
  /** IPv4. */
  address: string;
  /** `<type> <name>` of every query that came, names in lower case. */
  queries: string[];
  /** Runs a program in a mount namespace where this is the system's only resolver. */
  launcher: string[];
  stop(): Promise<void>;
}

const typeNames: Record<number, string> = { 1: 'A', 28: 'AAAA', 16: 'TXT', 15: 'MX', 65: 'HTTPS' };

/**
 * Answers A with `addressOf` (null: no such name) and everything else with no record. Null where this user may not listen on
 * port 53.
 */
export async function startDnsServer(addressOf: (name: string) => string | null): Promise<DnsServer | null> {
  const queries: string[] = [];
  const address = `127.53.${process.pid & 255}.${(process.pid >> 8) & 127 || 1}`;
  const socket = createSocket('udp4');
  const bound = new Promise<boolean>((resolve, reject) => {
    socket
      .once('listening', () => resolve(true))
      .once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'EACCES') resolve(false);
        else reject(error);
      });
  });
  socket.bind(53, address);
  if (!(await bound)) {
    socket.close();
    return null;
  }
  socket.on('message', (query, from) => {
    const { name, type, end } = readQuestion(query);
    queries.push(`${typeNames[type] ?? type} ${name}`);
    socket.send(answer(query.subarray(0, end), { type, address: addressOf(name) }), from.port, from.address);
  });
  const directory = temporaryDirectory('dns');
  const file = join(directory.path, 'resolv.conf');
  writeFileSync(file, `nameserver ${address}\n`);
  return {
    address,
    queries,
    launcher: [
      'unshare',
      process.getuid?.() === 0 ? '-m' : '-rm',
      'sh',
      '-c',
      `mount --bind ${file} /etc/resolv.conf && exec "$@"`,
      'sh',
    ],
    stop: async () => {
      await new Promise<void>((resolve) => socket.close(resolve));
      directory.remove();
    },
  };
}

/** RFC 1035 section 4.1.2; a query's name is never compressed. */
function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answer(question: Buffer, { type, address }: { type: number; address: string | null }): Buffer {
  const head = Buffer.from(question);
  const found = type === 1 && address !== null;
  head.writeUInt16BE(address === null ? 0x8183 : 0x8180, 2);
  head.fill(0, 6, 12);
  head.writeUInt16BE(Number(found), 6);
  if (!found) return head;
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...(address ?? '').split('.').map(Number)]);
  return Buffer.concat([head, record]);
}
