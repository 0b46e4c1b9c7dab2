import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../fuzz/random.ts';
import { makeAuthority } from '../support/certificates.ts';
import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { accountFor } from './audit-account.ts';
import { AuditWatch } from './audit-watch.ts';
import { openDatabase } from './database.ts';
import { Faults } from './faults.ts';
import type { FaultTimes } from './faults.ts';
import { Ledger } from './ledger.ts';
import { Load } from './load.ts';
import { MemoryWatch, heldBy, judgeMemory } from './memory.ts';
import type { Held } from './memory.ts';
import type { SoakOptions } from './options.ts';
import { allHosts, makePlan } from './plan.ts';
import type { Report } from './report.ts';
import { ServerControl } from './server-control.ts';
import { auditWatchLoop, searchWritten, settled, standinProgram } from './steps.ts';
import { startUpstreams } from './upstreams.ts';
import { Findings } from './violations.ts';
import { World } from './world.ts';

/** How many of its workers a run's server has. */
const workers = 2;
const sampleEveryMs = 2_000;
const firstByteSeconds = 5;

/** Does the run and says what came of it. `say` is told of its progress; `stopped` ends it early, in order. */
export async function soak(
  options: SoakOptions,
  { say, stopped, env = {} }: { say: (line: string) => void; stopped: AbortSignal; env?: Record<string, string> },
): Promise<Report> {
  const directory = temporaryDirectory('soak');
  const path = (name: string) => join(directory.path, name);
  for (const name of ['data', 'tmp', 'capture']) mkdirSync(path(name), { mode: 0o700 });
  const findings = new Findings(({ invariant, detail }) => say(`VIOLATED ${invariant}: ${detail}`));
  const ledger = new Ledger(findings);
  const authority = makeAuthority();
  writeFileSync(path('root.pem'), authority.certPem);
  const undo: (() => Promise<unknown>)[] = [];
  const begun = Date.now();
  try {
    const upstreams = await startUpstreams(authority.issue([...allHosts]), {
      seed: options.seed,
      captureDirectory: path('capture'),
      chaos: true,
      onSeen: ({ sightings, standIns, inBodies }) => {
        for (const sighting of sightings) ledger.sighted(sighting);
        findings.checked('stand_in_upstream', sightings.length);
        for (const { host, hit } of standIns)
          findings.violate('stand_in_upstream', `${host}: ${hit.form}: ${hit.around}`);
        for (const { host, hit } of inBodies)
          findings.violate('value_elsewhere', `${host}: ${hit.form}: ${hit.around}`);
      },
    });
    let upstreamTotals: { received: number; resets: number } | null = null;
    const stopUpstreams = async () => (upstreamTotals ??= await upstreams.stop());
    undo.push(stopUpstreams);
    const database = await openDatabase(options.database, path('data'));
    undo.push(() => database.close());
    const server = new ServerControl(
      {
        dataDir: path('data'),
        apiKey: `soak_${randomBytes(24).toString('hex')}`,
        env: {
          TMPDIR: path('tmp'),
          STANDIN_EGRESS_WORKERS: String(workers),
          STANDIN_EGRESS_CONNECT_TO: upstreams.connectTo,
          STANDIN_EGRESS_CA_FILE: path('root.pem'),
          STANDIN_EGRESS_FIRST_BYTE_TIMEOUT: String(firstByteSeconds),
          STANDIN_SANDBOX_DRIVER: 'external',
          STANDIN_LOG_LEVEL: 'info',
          ...database.env,
          ...env,
        },
      },
      findings,
    );
    await server.start();
    undo.push(async () => (server.current === null ? undefined : server.kill()));
    const random = new Random(options.seed, 0);
    const world = new World({ plan: makePlan(options), server, ledger, findings, random });
    await world.create();
    const before = heldByServer(server);
    const memory = new MemoryWatch();
    const sampling = setInterval(
      () => memory.sample(server.current?.program.pid ?? null, upstreams.pid),
      sampleEveryMs,
    );
    undo.push(async () => clearInterval(sampling));
    const audit = new AuditWatch(findings, random);
    const load = new Load(world, options.rate);
    const faults = new Faults(world, database, { times: faultTimes(options), say });
    say(`under way: ${options.database}, ${options.rate} requests a second, seed ${options.seed}`);
    const watching = auditWatchLoop(world, audit);
    load.start();
    faults.start();
    const progress = setInterval(() => say(progressLine(ledger, findings, begun)), 30_000);
    undo.push(async () => clearInterval(progress));
    await delay(options.minutes * 60_000, undefined, { signal: stopped }).catch(() => undefined);
    say('ending the load');
    await faults.stop();
    await load.stop();
    await watching.stop();
    clearInterval(progress);

    const after = await settled(server, before, findings);
    await verifyTrail(world, audit);
    clearInterval(sampling);
    if (server.current !== null) await server.terminate();
    const totals = await stopUpstreams();
    const account = await accountFor(ledger.asked, database.segments(), { findings, killedAt: server.killedAt });
    await database.dump(path('tmp'));
    const written = searchWritten([path('data'), path('tmp'), ...database.directories], findings);
    const lines = memory.lines();
    // A server that is restarted now and then is still warming up most of the time.
    if (options.killEvery === 0) judgeMemory(lines, findings);
    requireChecks(findings, options);
    return {
      options,
      node: process.version,
      seconds: Math.round((Date.now() - begun) / 1000),
      findings,
      ledger,
      faults: faults.counts,
      changes: world.changes,
      starts: server.starts,
      upstreams: totals,
      audit: { ...account, remembered: audit.size },
      written: { ...written, logBytes: server.logBytes },
      held: { before, after },
      memory: lines,
    };
  } finally {
    for (const step of undo.toReversed()) await step().catch(() => undefined);
    directory.remove();
  }
}

/** A few restarts an hour, and some of everything in a short run. */
export function faultTimes({ minutes, killEvery }: Pick<SoakOptions, 'minutes' | 'killEvery'>): FaultTimes {
  if (killEvery === 0) return { killEvery: 0, databaseEvery: 0, restartEvery: 0 };
  const seconds = minutes * 60;
  return { killEvery, databaseEvery: Math.min(115, seconds / 3.5), restartEvery: Math.min(580, seconds / 2.6) };
}

function heldByServer(server: ServerControl): Held {
  return heldBy(server.current?.program.pid ?? 0);
}

/** By the API, from the end that was known, and by the command line, all of it. */
async function verifyTrail(world: World, audit: AuditWatch): Promise<void> {
  const { current } = world.server;
  if (current === null) throw new Error('the server is down');
  await audit.lookAtAll(current.client);
  await audit.verify(current.client);
  const { code, stdout, stderr } = await runProgram(standinProgram, ['audit', 'verify', '--json'], {
    env: { PATH: process.env['PATH'] ?? '', STANDIN_URL: current.url, STANDIN_API_KEY: current.apiKey },
  });
  world.findings.checked('audit_chain');
  if (code !== 0) world.findings.violate('audit_chain', `standin audit verify ended with ${code}: ${stdout}${stderr}`);
}

function progressLine(ledger: Ledger, findings: Findings, begun: number): string {
  const minutes = ((Date.now() - begun) / 60_000).toFixed(1);
  return `${minutes} min: ${ledger.asked.length} requests, ${ledger.valuesSeen} values at upstreams, ${findings.total} violations`;
}

/** A check that looked at nothing has shown nothing. */
function requireChecks(findings: Findings, { killEvery }: SoakOptions): void {
  const needed = [
    'stand_in_upstream',
    'value_elsewhere',
    'misplaced_passed',
    'value_to_client',
    'echo_without_stand_in',
    'value_written',
    'audit_changed',
    'audit_chain',
    'audit_lost',
    ...(killEvery === 0 ? [] : (['slow_recovery'] as const)),
  ] as const;
  for (const invariant of needed) {
    findings.checked('unchecked');
    if (findings.checksOf(invariant) === 0) findings.violate('unchecked', invariant);
  }
}
