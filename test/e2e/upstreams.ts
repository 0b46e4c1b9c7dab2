import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomCharacters } from '../../src/stand-in.ts';
import { makeAuthority } from '../support/certificates.ts';
import { startGitServer } from '../support/git-server.ts';
import type { GitServer } from '../support/git-server.ts';
import { startNginxUpstream } from '../support/nginx.ts';
import type { NginxUpstream } from '../support/nginx.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** A host that the sandbox may reach, and that no secret names. */
export const otherHost = 'other.example.com';

/** What every upstream answers with, so that a program shows that it got through. */
export const greeting = 'hello from the upstream';

/** The credentials that nobody in a sandbox may see. */
export interface RealValues {
  anthropic: string;
  openai: string;
  github: string;
}

/** The upstreams that the programs talk to, on loopback, under the names of the real ones. */
export interface Upstreams {
  nginx: NginxUpstream;
  git: GitServer;
  real: RealValues;
  /** Settings that make the server reach them by those names. */
  env: Record<string, string>;
  stop(): Promise<void>;
}

/** nginx as api.anthropic.com, api.openai.com and the other host; `git http-backend` as github.com. */
export async function startUpstreams(): Promise<Upstreams> {
  const directory = temporaryDirectory('e2e-upstreams');
  const authority = makeAuthority();
  const rootFile = join(directory.path, 'root.pem');
  writeFileSync(rootFile, authority.certPem);
  const real = {
    anthropic: `sk-ant-api03-${random(95)}`,
    openai: `sk-proj-${random(156)}`,
    github: `ghp_${random(36)}`,
  };
  const names = ['api.anthropic.com', 'api.openai.com', otherHost];
  const nginx = await startNginxUpstream(
    names.map((name) => ({ name, certificate: authority.issue([name]), directives: answers })),
  );
  const certificate = authority.issue(['github.com']);
  const git = await startGitServer({ certificate, username: 'x-access-token', password: real.github });
  await git.addRepository('project', { 'README.md': `${greeting}\n` });
  const connectTo = [
    ...names.map((name) => `${name}:443:127.0.0.1:${nginx.port}`),
    `github.com:443:127.0.0.1:${git.port}`,
  ];
  return {
    nginx,
    git,
    real,
    env: { STANDIN_EGRESS_CONNECT_TO: connectTo.join(','), STANDIN_EGRESS_CA_FILE: rootFile },
    stop: async () => {
      await Promise.all([nginx.stop(), git.stop()]);
      directory.remove();
    },
  };
}

function random(length: number): string {
  return randomCharacters(length, 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789');
}

const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'example',
  content: [{ type: 'text', text: greeting }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 1 },
};

const completion = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'example',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: greeting } }],
};

const answers = `
  default_type application/json;
  location = /v1/messages { return 200 '${JSON.stringify(message)}'; }
  location = /v1/chat/completions { return 200 '${JSON.stringify(completion)}'; }
  location ~ \\.git/ { add_header WWW-Authenticate 'Basic realm="git"' always; return 401; }
  location / { return 200 '${JSON.stringify({ text: greeting })}'; }`;
