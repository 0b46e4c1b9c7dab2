import { waitUntil } from '../support/processes.ts';
import { judge } from './claims.ts';
import { inside } from './inside.ts';
import type { World } from './world.ts';

/** Files that are put into the sandbox, worked on by an agent, and fetched again. */
export class Inbox {
  readonly #world: World;
  #count = 0;

  constructor(world: World) {
    this.#world = world;
  }

  async put(): Promise<void> {
    const { server, sandbox } = this.#world;
    this.#count += 1;
    await server.client.files.write(sandbox, `/home/user/inbox/${nameOf(this.#count)}`, textOf(this.#count, 'todo'));
  }

  /** Once the agents are done: what came last may have come after their last look. */
  async check(): Promise<void> {
    const { server, sandbox, findings } = this.#world;
    const left = Number((await inside(this.#world, 'ls ~/inbox | wc -l')).trim());
    await waitUntil(async () => (await inside(this.#world, 'ls ~/outbox | wc -l')).trim() !== '0', {
      what: 'work done',
    });
    let done = 0;
    for (let number = 1; number <= this.#count; number++) {
      const path = `/home/user/outbox/${nameOf(number)}`;
      const content = await server.client.files.read(sandbox, path).then(
        (stream) => new Response(stream).text(),
        () => null,
      );
      if (content === null) continue;
      done += 1;
      this.#world.seen(content, path);
      judge(findings, 'files', content !== textOf(number, 'done') && `${path}: ${content}`);
    }
    judge(findings, 'files', done + left !== this.#count && `${done} done and ${left} left of ${this.#count}`);
  }
}

/** A name that a shell and a URL have to take as it is. */
function nameOf(number: number): string {
  return `${number} größer & 50% "neu"`;
}

function textOf(number: number, state: string): string {
  return `${state}: ${number} ✓\n`.repeat(50);
}
