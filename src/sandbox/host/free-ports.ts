import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How long the workers of a server that was killed may take to let go of a sandbox's ports. */
const freePortsMs = 5000;

/** Nobody listens in its network: a second listener would be refused only when it begins to accept. */
export async function untilPortsAreFree(pid: number): Promise<void> {
  const until = performance.now() + freePortsMs;
  while (isListenedOn(pid)) {
    if (performance.now() > until) throw new Error('its ports are still taken');
    await delay(5);
  }
}

/** A TCP socket in the state LISTEN of proc_net_tcp(5), or any of UDP, on port 53. */
function isListenedOn(pid: number): boolean {
  const sockets = (name: string) => {
    try {
      return readFileSync(`/proc/${pid}/net/${name}`, 'latin1').split('\n').slice(1);
    } catch {
      return [];
    }
  };
  const port53 = (line: string) => /^\s*\d+: [0-9A-F]+:0035 /.test(line);
  const listens = (line: string) => port53(line) && / 0A /.test(line);
  return [...sockets('tcp'), ...sockets('tcp6')].some(listens) || [...sockets('udp'), ...sockets('udp6')].some(port53);
}
