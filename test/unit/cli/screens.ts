import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startStandin } from '../../support/standin-server.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { startTmux } from '../../support/tmux.ts';
import type { TmuxSession } from '../../support/tmux.ts';

const binary = fileURLToPath(new URL('../../../bin/standin', import.meta.url));

/** What is typed at a prompt here, and must be on no screen. */
export const typedValue = 'sk-ant-api03-typed-at-the-prompt-and-never-shown';

/** A terminal with a shell in a project, a server behind it, and somebody who knows what to type. */
export interface Stage {
  terminal: TmuxSession;
  /** Types a line, and waits for the shell to be back. */
  run: (line: string) => Promise<void>;
  /** Types a line, and waits for what it shows. */
  start: (line: string, shows: RegExp) => Promise<void>;
  /** Waits for the shell to be back. */
  back: () => Promise<void>;
}

/** One screen: what is done until it is there. */
export interface Scene {
  name: string;
  play(stage: Stage): Promise<void>;
  /** What gets the shell back, where the scene ends in a question. */
  leave?: (stage: Stage) => Promise<void>;
  columns?: number;
  rows?: number;
  /** The screen goes on from the one before. */
  goesOn?: boolean;
}

/** In their order: each finds what those before it left. */
export const scenes: readonly Scene[] = [
  { name: 'help', rows: 60, play: ({ run }) => run('standin') },
  { name: 'group', play: ({ run }) => run('standin secret get --help') },
  {
    name: 'value-prompt',
    play: ({ start }) => start('standin secret create anthropic-prod --provider anthropic', /Value of anthropic-prod/),
    leave: async ({ terminal, back }) => {
      terminal.type(typedValue);
      terminal.press('Enter');
      await back();
    },
  },
  { name: 'value-stored', goesOn: true, play: ({ terminal }) => terminal.waitFor(/use it: standin run/) },
  {
    name: 'secret-list',
    play: async ({ run }) => {
      await run(
        'echo v | standin secret create crm --host crm.example.com --host api.crm.example.com --host eu.crm.example.com --auth bearer -',
      );
      await run('clear; standin secret list');
    },
  },
  { name: 'secret-list-narrow', columns: 60, play: ({ run }) => run('standin secret list') },
  { name: 'typo-command', play: ({ run }) => run('standin secrt list') },
  { name: 'typo-secret', play: ({ run }) => run('standin secret get antropic-prod') },
  { name: 'typo-provider', play: ({ run }) => run('echo v | standin secret create x --provider anthropc -') },
  {
    name: 'sandbox-list',
    play: async ({ run }) => {
      await run('standin sandbox create agent --no-project -s ANTHROPIC_API_KEY=anthropic-prod --driver external');
      await run('clear; standin sandbox list');
    },
  },
  { name: 'sandbox-get', play: ({ run }) => run('standin sandbox get agent') },
  {
    name: 'delete-question',
    play: ({ start }) => start('standin secret delete anthropic-prod', /Delete anthropic-prod\?/),
    leave: async ({ terminal, back }) => {
      terminal.press('Enter');
      await back();
    },
  },
  { name: 'delete-refused', goesOn: true, play: ({ terminal }) => terminal.waitFor(/nothing was done/) },
  { name: 'doctor', rows: 40, play: ({ run }) => run('standin doctor') },
  {
    name: 'project-question',
    play: ({ start }) => start('standin run -- true', /Use it from now on/),
    leave: async ({ terminal, back }) => {
      terminal.press('C-c');
      await back();
    },
  },
  {
    name: 'import-question',
    play: ({ start }) => start('standin secret import .env', /Which are to be stored/),
    leave: async ({ terminal, back }) => {
      terminal.press('Enter');
      await back();
    },
  },
  { name: 'import-done', goesOn: true, play: ({ terminal }) => terminal.waitFor(/use it: standin run/) },
  {
    name: 'agent-missing',
    play: ({ run }) => run('PATH=/usr/bin:/bin "$(command -v standin)" run --no-project codex'),
  },
];

const prompt = /^\$ ?$/m;

/**
 * Plays every scene on one terminal; `show` is called with each screen as it is, and with the terminal. Nothing stays
 * behind.
 */
export async function playScenes(
  show: (scene: Scene, screen: string, terminal: TmuxSession) => void | Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.adopt(temporaryDirectory('screens'), (each) => each.remove());
  const server = stack.adopt(await startStandin({ env: { STANDIN_SANDBOX_DRIVER: 'external' } }), async (each) => {
    await each.stop();
  });
  const [bin, project] = [join(directory.path, 'bin'), join(directory.path, 'project')];
  mkdirSync(bin);
  mkdirSync(project);
  symlinkSync(binary, join(bin, 'standin'));
  writeFileSync(
    join(project, '.standin.yaml'),
    'secrets:\n  ANTHROPIC_API_KEY: anthropic-prod\nmounts: [./data:/data:ro, /srv/models]\nnetwork:\n  allow_out: [api.anthropic.com]\n',
  );
  writeFileSync(join(project, '.env'), `GITHUB_TOKEN=ghp_${'a1B2'.repeat(9)}\nPORT=3000\n`, { mode: 0o600 });
  const terminal = startTmux({
    words: ['bash', '--norc', '-i'],
    cwd: project,
    env: {
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      HOME: directory.path,
      PS1: '$ ',
      STANDIN_URL: server.url,
      STANDIN_API_KEY: server.apiKey,
      STANDIN_DATA_DIR: server.dataDir,
      STANDIN_PROXY_LISTEN: `127.0.0.1:${server.proxyPort}`,
    },
  });
  stack.defer(() => terminal.stop());
  await terminal.waitFor(prompt);
  const back = () => terminal.waitFor(/\n\$$/);
  const stage: Stage = {
    terminal,
    back,
    start: async (line, shows) => {
      terminal.type(line);
      terminal.press('Enter');
      await terminal.waitFor(shows);
    },
    run: async (line) => {
      terminal.type(line);
      terminal.press('Enter');
      await back();
    },
  };
  for (const scene of scenes) {
    if (scene.goesOn !== true) {
      terminal.type('clear');
      terminal.press('Enter');
      await terminal.waitFor(/^\$$/);
    }
    terminal.resize(scene.columns ?? 100, scene.rows ?? 30);
    await scene.play(stage);
    await show(scene, terminal.screen(), terminal);
    await scene.leave?.(stage);
  }
}

/** Of `doctor`, what it says of the machine alone; with it the counts, and what to do, on the line after. */
const ofTheMachine =
  /^(?:ok|warn|fail|skip) +(?:node|kernel|user namespaces|cgroups|nf_tables|runsc|gvisor|sandboxes|disk) .*\n(?: +→.*\n| {8,}\S.*\n)*/gm;

/** What differs from run to run and from machine to machine, made the same: ids, times, ports and places. */
export function normalised(screen: string): string {
  return screen
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '00000000-0000-0000-0000-000000000000')
    .replaceAll(ofTheMachine, '')
    .replaceAll(/^(?:nothing is wrong|\d+ of \d+ block, .*)$/gm, 'N of M block, N are worth a look')
    .replaceAll(/\d+ min ago|just now/g, 'just now')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:8787')
    .replaceAll(/\/\S*standin-screens-\w+/g, '/home/you')
    .replaceAll(/\/\S*\/standin-data-\w+\S*/g, '/home/you/.local/share/standin')
    .replaceAll(/\d+ CPU, \d+ MiB/g, '2 CPU, 2048 MiB');
}
