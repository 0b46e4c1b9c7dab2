import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEvent, NetworkLog } from '../../src/client/client.ts';
import { judge } from './claims.ts';
import { secrets } from './credentials.ts';
import type { World } from './world.ts';

/** Both loops of a listener may have been ended before they noted what they were told. */
const unnoted = 2;

/** The trail of each secret against what arrived with it. */
export async function checkAudit(world: World, refused: ReadonlyMap<string, number>): Promise<void> {
  for (const { name, host } of secrets) {
    const expected = tally(world.upstreams.arrivals().filter((each) => each.host === host && each.authorized));
    const wrong = await settled(async () => {
      const rows = await auditOf(world, name);
      const passed = tally(rows.filter((row) => row.upstream_status !== null));
      const others = rows.filter((row) => row.sandbox_id !== world.sandbox.id);
      const refusals = rows.filter((row) => row.upstream_status === null).length;
      const least = refused.get(host) ?? 0;
      if (others.length > 0) return `${others.length} rows of another sandbox`;
      if (refusals < least || refusals > least + (least === 0 ? 0 : unnoted))
        return `${refusals} refusals, not ${least}`;
      return differences(expected, passed);
    });
    world.findings.checked(
      'audit',
      [...expected.values()].reduce((sum, each) => sum + each, 0),
    );
    judge(world.findings, 'audit', wrong && `${name}: ${wrong}`);
  }
}

/** The rows of the sandbox's network log against all that arrived; answers both by host. */
export async function checkNetworkLog(
  world: World,
  refused: ReadonlyMap<string, number>,
): Promise<Map<string, { arrived: number; refused: number }>> {
  const counts = new Map(
    secrets.map(({ host }) => {
      const arrived = world.upstreams.arrivals().filter((each) => each.host === host).length;
      return [host, { arrived, refused: refused.get(host) ?? 0 }];
    }),
  );
  for (const [host, { arrived, refused: least }] of counts) {
    const wrong = await settled(async () => {
      const rows = (await networkOf(world)).filter((row) => row.kind === 'request' && row.host === host);
      const few = rows.length < arrived + least;
      const many = rows.length > arrived + least + (least === 0 ? 0 : unnoted);
      return few || many ? `${host}: ${rows.length} rows for ${arrived} that arrived and ${least} refused` : null;
    });
    world.findings.checked('network', arrived + least);
    judge(world.findings, 'network', wrong);
  }
  return counts;
}

async function auditOf({ server }: World, name: string): Promise<AuditEvent[]> {
  const rows: AuditEvent[] = [];
  for (let before: number | undefined; ; before = rows.at(-1)?.id) {
    const page = await server.client.secrets.audit(name, { limit: 200, ...(before === undefined ? {} : { before }) });
    rows.push(...page);
    if (page.length < 200) return rows;
  }
}

async function networkOf({ server, sandbox }: World): Promise<NetworkLog['data']> {
  const rows: NetworkLog['data'] = [];
  for (let before: string | undefined; ;) {
    const page = await server.client.sandboxes.network(sandbox.id, {
      limit: 200,
      ...(before === undefined ? {} : { before }),
    });
    rows.push(...page.data);
    if (!page.has_more || page.next_cursor === null) return rows;
    before = page.next_cursor;
  }
}

function tally(requests: readonly { method: string | null; path: string | null }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { method, path } of requests) {
    const name = `${method} ${path}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function differences(expected: ReadonlyMap<string, number>, found: ReadonlyMap<string, number>): string | null {
  const names = new Set([...expected.keys(), ...found.keys()]);
  const wrong = [...names].filter((name) => expected.get(name) !== found.get(name));
  return wrong.length === 0
    ? null
    : wrong.map((name) => `${name}: ${found.get(name) ?? 0} rows for ${expected.get(name) ?? 0} arrivals`).join('; ');
}

/** What is still wrong after rows had time to be written; null where nothing is. */
async function settled(look: () => Promise<string | null>): Promise<string | null> {
  for (let tries = 0; ; tries++) {
    const wrong = await look();
    if (wrong === null || tries === 40) return wrong;
    await delay(250);
  }
}
