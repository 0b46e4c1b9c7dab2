import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '../../src/client/errors.ts';
import { waitUntil } from '../support/processes.ts';
import { judge } from './claims.ts';
import { beatsInside, processesInside } from './inside.ts';
import type { PreviewWindow } from './preview.ts';
import type { World } from './world.ts';

/** What was sent before the pause may arrive right after it. */
const underWayMs = 250;

/** Pauses the sandbox, looks at it from outside, lets it go on and compares. */
export async function pauseFor(
  world: World,
  options: {
    lengthMs: number;
    preview: PreviewWindow | null;
    meanwhile: () => Promise<void>;
    way: 'resume' | 'activate';
  },
): Promise<void> {
  const { server, sandbox, findings, upstreams } = world;
  const { sandboxes } = server.client;
  const before = await processesInside(world);
  await sandboxes.pause(sandbox.id);
  const from = Date.now();
  await options.meanwhile();
  await assertRefused(world, 503);
  await options.preview?.lookWhilePaused();
  await delay(Math.max(0, options.lengthMs - (Date.now() - from)));
  const until = Date.now();
  const status = (await sandboxes.get(sandbox.id)).status;
  judge(findings, 'still', status !== 'paused' && `its state was ${status}`);
  const { access_token: token } = await sandboxes[options.way](sandbox.id);
  await assertRefused(world, 401);
  sandbox.access_token = token;
  judge(findings, 'token', (await server.client.exec(sandbox, { command: 'echo x' })).stdout !== 'x\n' && 'refused');

  const arrived = upstreams.arrivals().filter(({ at }) => at > from + underWayMs && at < until);
  judge(findings, 'still', arrived.length > 0 && `${arrived.length} requests arrived: ${JSON.stringify(arrived[0])}`);
  await waitUntil(async () => (await beatsInside(world, until)).length > 0, { what: 'the clock program to go on' });
  const beats = (await beatsInside(world, from)).filter((each) => each < until);
  judge(findings, 'still', beats.length > 0 && `a process ran ${beats.map((each) => each - from).join(', ')} ms after`);
  const now = await processesInside(world);
  for (const process of before)
    judge(findings, 'goes_on', !now.includes(process) && `${process} is not there any more`);
}

async function assertRefused(world: World, status: number): Promise<void> {
  const { server, sandbox, findings } = world;
  const outcome = await server.client.exec(sandbox, { command: 'true' }).then(
    () => 'it was run',
    (error: unknown) => (error instanceof ApiError ? error.status : String(error)),
  );
  const claim = status === 401 ? 'token' : 'still';
  judge(findings, claim, outcome !== status && `a command was answered: ${outcome}`);
}
