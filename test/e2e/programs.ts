import { execFileSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { skipWithout } from '../support/processes.ts';
import type { RealValues } from './upstreams.ts';

/** A program that nobody here wrote, using a credential. */
export interface ClientProgram {
  name: string;
  /** Which host it is meant for, and which secret it uses. */
  host: string;
  secret: keyof RealValues;
  /** A shell line; `$BASE` is the origin to talk to, the secret is in its vendor's variable. */
  line: string;
  /** A word on what is missing on this machine. */
  skip: string | false;
}

/** Environment key that holds each secret, as the vendors' own tools name it. */
export const envKeys: Record<keyof RealValues, string> = {
  anthropic: 'ANTHROPIC_API_KEY',
  openai: 'OPENAI_API_KEY',
  github: 'GITHUB_TOKEN',
};

const root = fileURLToPath(new URL('../..', import.meta.url));
const clients = join(root, 'test', 'e2e', 'clients');
/** Made by `scripts/setup --tests`. */
const python = join(root, 'node_modules', '.cache', 'standin', 'python');
const goBinary = join(root, 'node_modules', '.cache', 'standin', 'go-client');

/** What a sandbox must be able to read to run them. */
export const mounts = [clients, join(root, 'node_modules')].map((path) => ({
  source: path,
  target: path,
  read_only: true,
}));

const noPython = !existsSync(join(python, 'ready')) && 'the Python environment is not there: run scripts/setup --tests';
const noGo = skipWithout('go');

/** Compiles the Go program on this machine; a sandbox runs the binary. Another test may be doing the same. */
export function buildGoClient(): void {
  if (noGo !== false) return;
  const fresh = `${goBinary}.${process.pid}`;
  execFileSync('go', ['build', '-o', fresh, join(clients, 'main.go')], { env: { ...process.env, CGO_ENABLED: '0' } });
  renameSync(fresh, goBinary);
}

const anthropic = { host: 'api.anthropic.com', secret: 'anthropic' } as const;
const openai = { host: 'api.openai.com', secret: 'openai' } as const;
const github = { host: 'github.com', secret: 'github' } as const;

/** Outside a sandbox, wget as Debian builds it (with GnuTLS) knows no variable for its roots. */
const wgetRoots = '${STANDIN_CA_FILE:+--ca-certificate="$STANDIN_CA_FILE"}';
const repository = '"https://x-access-token:$GITHUB_TOKEN@${BASE#https://}/project.git"';
const commit = 'git -c user.name=Agent -c user.email=agent@example.com commit -q -m Change';

export const programs: readonly ClientProgram[] = [
  {
    name: 'curl',
    ...anthropic,
    line: 'curl -sS --fail-with-body --max-time 20 -H "x-api-key: $ANTHROPIC_API_KEY" "$BASE/v1/models"',
    skip: skipWithout('curl'),
  },
  {
    name: 'wget',
    ...openai,
    line: `wget -qO- --tries=1 --timeout=20 ${wgetRoots} --header="Authorization: Bearer $OPENAI_API_KEY" "$BASE/v1/models"`,
    skip: skipWithout('wget'),
  },
  {
    name: 'git clone and push',
    ...github,
    line: `git clone -q ${repository} work && cat work/README.md && cd work && echo pushed > pushed.txt && git add . && ${commit} && git push -q`,
    skip: skipWithout('git'),
  },
  { name: 'fetch of Node', ...openai, line: `node ${clients}/fetch.mjs`, skip: false },
  { name: '@anthropic-ai/sdk', ...anthropic, line: `node ${clients}/anthropic.mjs`, skip: false },
  { name: 'urllib of Python', ...openai, line: `${python}/bin/python ${clients}/with_urllib.py`, skip: noPython },
  { name: 'requests', ...openai, line: `${python}/bin/python ${clients}/with_requests.py`, skip: noPython },
  { name: 'httpx', ...openai, line: `${python}/bin/python ${clients}/with_httpx.py`, skip: noPython },
  { name: 'openai of Python', ...openai, line: `${python}/bin/python ${clients}/with_openai.py`, skip: noPython },
  { name: 'net/http of Go', ...openai, line: goBinary, skip: noGo },
];
