import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '../support/processes.ts';
import { checkAudit, checkNetworkLog } from './accounts.ts';
import { judge, newFindings } from './claims.ts';
import type { DayFindings } from './claims.ts';
import type { SecretName } from './credentials.ts';
import { beatsInside, endInside, inside, proveSearch, searchInside, startInside } from './inside.ts';
import type { Extent, Searched } from './inside.ts';
import { Inbox } from './inbox.ts';
import { checkListener } from './listener.ts';
import type { Detached } from './listener.ts';
import { pauseFor } from './pause.ts';
import { openPreview } from './preview.ts';
import type { PreviewWindow } from './preview.ts';
import { makeWorld } from './world.ts';
import type { World } from './world.ts';

/** How a day of so many minutes is spent. */
export interface DayOptions {
  minutes: number;
  /** Told what happens, line by line. */
  say: (line: string) => void;
}

/** What came of it. */
export interface DayReport {
  minutes: number;
  /** With set-up and checks. */
  seconds: number;
  findings: DayFindings;
  jobs: { claude: number; codex: number };
  /** By host: requests that arrived, and those that were refused before. */
  requests: Map<string, { arrived: number; refused: number }>;
  events: string[];
  searched: Searched;
  searches: number;
}

/** Two agents at work in one sandbox from morning to evening; every length is a share of the day. */
export async function liveThroughDay({ minutes, say }: DayOptions): Promise<DayReport> {
  const begun = performance.now();
  const dayMs = minutes * 60_000;
  const findings = newFindings(say);
  // A day in brief is the same day with quicker models: their answers are most of it.
  const world = await makeWorld({ findings, paceMs: Math.min(500, Math.max(40, dayMs / 3000)) });
  try {
    const day = new Day(world, dayMs, say);
    return { ...(await day.live()), minutes, seconds: Math.round((performance.now() - begun) / 1000), findings };
  } finally {
    await world.stop();
  }
}

interface Step {
  /** Share of the day. */
  at: number;
  name: string;
  run: () => Promise<void>;
}

class Day {
  readonly #world: World;
  readonly #dayMs: number;
  readonly #say: (line: string) => void;
  readonly #events: string[] = [];
  readonly #inbox: Inbox;
  #preview: PreviewWindow | null = null;
  #detached: Detached | null = null;
  #searches = 0;
  #whole: Promise<Searched> | null = null;
  #started = 0;

  constructor(world: World, dayMs: number, say: (line: string) => void) {
    this.#world = world;
    this.#dayMs = dayMs;
    this.#say = say;
    this.#inbox = new Inbox(world);
  }

  get #isLong(): boolean {
    return this.#dayMs > 300_000;
  }

  /** Seconds between what programs do again and again. */
  get #every(): number {
    return Math.max(0.1, this.#dayMs / 1_000_000);
  }

  async live(): Promise<Omit<DayReport, 'minutes' | 'seconds' | 'findings'>> {
    const world = this.#world;
    await proveSearch(world);
    this.#preview = await openPreview(world);
    await startInside(world, 'beat', `sh -c 'while :; do date +%s%3N >> ~/beat; sleep ${this.#every / 4}; done'`);
    await startInside(world, 'claude', 'node "$DAY/claude.mjs"');
    await startInside(world, 'codex', '"$PYTHON" "$DAY/codex.py"');
    await startInside(world, 'listener', `"$PYTHON" "$DAY/listener.py" ~/feed ${this.#every}`);
    // What is to go on over a pause must have begun.
    await waitUntil(() => world.upstreams.jobs.claude > 0 && world.upstreams.jobs.codex > 0, {
      what: 'both agents to have done a job',
      withinMs: 120_000,
    });
    this.#started = Date.now();
    const steps = this.#steps();
    while (this.#share() < 1 || steps.length > 0) {
      const [next] = steps;
      if (next !== undefined && next.at <= this.#share()) {
        this.#note(next.name);
        await next.run();
        await this.#search(this.#isLong ? 'memory' : 'files');
        steps.shift();
      }
      await this.#look();
      await delay(this.#dayMs / 120);
    }
    return await this.#evening();
  }

  #steps(): Step[] {
    const pauseMs = this.#dayMs / 20;
    return [
      { at: 0.12, name: 'paused, and resumed', run: () => this.#pause(pauseMs) },
      { at: 0.28, name: 'openai, github and crm rotated', run: () => this.#rotate('openai', 'github', 'crm') },
      {
        at: 0.38,
        name: 'paused, npm rotated meanwhile, and resumed',
        run: () => this.#pause(pauseMs, () => this.#rotate('npm')),
      },
      ...(this.#isLong ? [{ at: 0.46, name: 'a search of every file begun', run: () => this.#searchAll() }] : []),
      { at: 0.52, name: 'crm detached', run: () => this.#detach() },
      { at: 0.62, name: 'crm attached again', run: () => this.#attach() },
      { at: 0.72, name: 'paused, and activated', run: () => this.#pause(pauseMs, undefined, 'activate') },
      { at: 0.85, name: 'anthropic, pypi and socket rotated', run: () => this.#rotate('anthropic', 'pypi', 'socket') },
    ];
  }

  /** What somebody does now and then who watches over the agents. */
  async #look(): Promise<void> {
    await this.#preview?.look();
    await this.#inbox.put();
    await this.#search('files');
  }

  /** Gigabytes of other people's programs: beside the work, and not in a day in brief. */
  #searchAll(): Promise<void> {
    this.#whole = this.#search('whole');
    this.#whole.catch(() => undefined);
    return Promise.resolve();
  }

  async #pause(lengthMs: number, meanwhile?: () => Promise<void>, way: 'resume' | 'activate' = 'resume') {
    await this.#whole;
    await pauseFor(this.#world, { lengthMs, preview: this.#preview, meanwhile: meanwhile ?? (async () => {}), way });
  }

  async #rotate(...names: SecretName[]): Promise<void> {
    const { credentials, server } = this.#world;
    for (const name of names) {
      const { value, stored } = credentials.next(name);
      await server.client.secrets.rotate(name, value);
      stored();
    }
  }

  async #detach(): Promise<void> {
    const { server, sandbox, credentials } = this.#world;
    const asked = Date.now();
    await server.client.sandboxes.detach(sandbox.id, 'CRM_TOKEN');
    credentials.detached('crm');
    this.#detached = { asked, answered: Date.now() };
  }

  async #attach(): Promise<void> {
    const { server, sandbox, credentials } = this.#world;
    credentials.attaching('crm');
    await server.client.sandboxes.attach(sandbox.id, { env_key: 'CRM_TOKEN', secret_name: 'crm' });
    await startInside(this.#world, 'listener2', `"$PYTHON" "$DAY/listener.py" ~/feed2 ${this.#every}`);
  }

  async #evening(): Promise<Omit<DayReport, 'minutes' | 'seconds' | 'findings'>> {
    const world = this.#world;
    const { findings, upstreams } = world;
    this.#note('the end: checks');
    upstreams.endTheDay();
    await waitUntil(async () => (await inside(world, 'ls ~')).match(/\.end$/gm)?.length === 2, {
      what: 'both agents to end their last job',
      withinMs: 240_000,
    });
    for (const agent of ['claude', 'codex']) {
      const end = await inside(world, `cat ~/${agent}.end`);
      judge(findings, 'goes_on', end !== 'ended well' && `${agent}: ${end}`);
    }
    const last = await this.#search('memory');
    const searched = (await this.#whole) ?? last;
    await endInside(world, ['listener', 'listener2']);
    const beats = await beatsInside(world, this.#started);
    judge(findings, 'goes_on', beats.length === 0 && 'the clock program did not run');
    const refused = await checkListener(world, this.#detached);
    await this.#inbox.check();
    const pushed = await upstreams.readPushed('notes.md');
    judge(findings, 'work', pushed !== `job ${upstreams.jobs.claude}\n` && `pushed at last: ${pushed}`);
    await checkAudit(world, refused);
    const requests = await checkNetworkLog(world, refused);
    return { jobs: { ...upstreams.jobs }, requests, events: this.#events, searched, searches: this.#searches };
  }

  async #search(extent: Extent): Promise<Searched> {
    this.#searches += 1;
    return await searchInside(this.#world, extent);
  }

  #share(): number {
    return (Date.now() - this.#started) / this.#dayMs;
  }

  #note(what: string): void {
    const seconds = Math.round((Date.now() - this.#started) / 1000);
    const line = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} ${what}`;
    this.#events.push(line);
    this.#say(line);
  }
}
