import { z } from 'zod';
import { makeValue, standInPatterns, valuePatterns } from '../soak/marks.ts';
import type { Pattern } from '../soak/marks.ts';
import { judge } from './claims.ts';
import type { World } from './world.ts';

/** Runs a command in the sandbox, however long it takes, and searches its output. Throws, with it, where it fails. */
export async function inside(world: World, command: string): Promise<string> {
  const { server, sandbox } = world;
  const connection = await server.client.execConnect(sandbox, { command });
  connection.stdin.end();
  const said = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  connection.onOutput((stream, chunk) => void said[stream].push(chunk));
  const code = await connection.exit;
  const [stdout, stderr] = [said.stdout, said.stderr].map((chunks) => Buffer.concat(chunks).toString());
  world.seen(`${stdout}${stderr}`, command);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${stderr}${stdout}`);
  return stdout ?? '';
}

const searched = z.object({
  files: z.int(),
  bytes: z.int(),
  processes: z.int(),
  memory: z.int(),
  unreadable: z.int(),
  /** Stand-ins that were found, which shows that the search finds. */
  controls: z.int(),
  hits: z.array(z.string()),
});

export type Searched = z.infer<typeof searched>;

/**
 * How much is searched: `files` that are not programs of this machine, with environments and command lines; `memory` of each
 * process as well; `whole`: every file too.
 */
export type Extent = 'files' | 'memory' | 'whole';

/** Searches what the sandbox can read for real values. */
export async function searchInside(world: World, extent: Extent): Promise<Searched> {
  const found = await search(world, extent);
  const { findings } = world;
  findings.checked('value_inside', found.files + found.processes);
  for (const hit of found.hits) findings.violate('value_inside', hit);
  if (found.controls === 0) findings.violate('value_inside', 'the search did not even find a stand-in');
  if (extent !== 'files' && found.processes < 4) {
    findings.violate('value_inside', `the memory of ${found.processes} processes was read`);
  }
  return found;
}

/** Whether the search finds values: in a sandbox of its own, with one of nobody in a file, an environment and a memory. */
export async function proveSearch(world: World): Promise<void> {
  const { client } = world.server;
  const sandbox = await world.createSandbox('proof');
  const value = makeValue({ secret: 999, version: 0 });
  await client.files.write(sandbox, '/home/user/proof', Buffer.from(value).toString('base64'));
  const start = async (command: string) => (await client.exec(sandbox, { command })).stdout.trim();
  const environment = await start(`A=${value} sleep 600 > /dev/null 2>&1 & echo $!`);
  const holder = `"$PYTHON" -c 'import sys, time; held = sys.stdin.read(); print(1, flush=True); time.sleep(600)'`;
  const held = await start(
    `printf ${value} | ${holder} > ~/held 2>&1 & echo $!; while ! [ -s ~/held ]; do sleep 0.1; done`,
  );
  const { hits } = await search({ ...world, sandbox }, 'memory');
  for (const place of ['/home/user/proof', `/proc/${environment}/environ`, `memory of ${held}`]) {
    const blind = !hits.some((each) => each.startsWith(`${place} at `));
    judge(world.findings, 'value_inside', blind && `a value that was put into ${place} was not found`);
  }
  await client.sandboxes.remove(sandbox.id);
}

async function search(world: World, extent: Extent): Promise<Searched> {
  const lists = [valuePatterns, standInPatterns.slice(0, 1)].map(turnedOver);
  return searched.parse(JSON.parse(await inside(world, `"$PYTHON" "$DAY/search.py" ${extent} ${lists.join(' ')}`)));
}

function turnedOver(patterns: readonly Pattern[]): string {
  return patterns.map(({ bytes }) => Buffer.from(bytes.map((each) => each ^ 0xff)).toString('hex')).join(',');
}

const pids = '~/pids';

/** Starts a program that stays; its process id is kept under `name`. */
export async function startInside(world: World, name: string, command: string): Promise<void> {
  await inside(
    world,
    `mkdir -p ${pids}; setsid ${command} > ~/${name}.out 2>&1 < /dev/null & echo $! > ${pids}/${name}`,
  );
}

/** Every program that was started so and is there, with when it started: the same line is the same process. */
export async function processesInside(world: World): Promise<string[]> {
  const line = `for each in ${pids}/* ~/site.pid; do [ -e "$each" ] || continue; pid=$(cat "$each"); echo "\${each##*/} $pid $(sed 's/.*) //' /proc/$pid/stat 2>/dev/null | cut -d ' ' -f 20)"; done`;
  return (await inside(world, line)).trim().split('\n');
}

/** Ends those of these names. */
export async function endInside(world: World, names: string[]): Promise<void> {
  await inside(world, `for each in ${names.join(' ')}; do kill "$(cat ${pids}/$each)" || true; rm ${pids}/$each; done`);
}

/** Times (Unix, ms) at which the sandbox's clock program ran. */
export async function beatsInside(world: World, since: number): Promise<number[]> {
  const lines = await inside(world, `awk '$1 >= ${since}' ~/beat`);
  return lines.trim().split('\n').filter(Boolean).map(Number);
}
