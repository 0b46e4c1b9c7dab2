import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { judge } from './claims.ts';
import type { World } from './world.ts';

/** The agent's page, as somebody outside sees it. */
export interface PreviewWindow {
  look(): Promise<void>;
  lookWhilePaused(): Promise<void>;
}

/** Publishes the port of the agent's web server, for those who have a token. */
export async function openPreview(world: World): Promise<PreviewWindow> {
  const { server, sandbox, upstreams, findings } = world;
  await server.client.previews.publish(sandbox.id, { port: 8000, access: 'private' });
  const { header, token } = await server.client.previews.token(sandbox.id, 8000);

  function get(headers: Record<string, string>): Promise<{ status: number; body: string }> {
    const host = `8000-${sandbox.id}.sandbox.localhost`;
    return new Promise((resolve, reject) => {
      request(server.url, { headers: { host, ...headers }, agent: false }, (response) => {
        text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
      })
        .on('error', reject)
        .end();
    });
  }

  return {
    async look() {
      const least = upstreams.jobs.claude;
      const { status, body } = await get({ [header]: token });
      world.seen(body, 'the preview');
      const job = Number(/<h1>job (\d+)<\/h1>/.exec(body)?.[1]);
      const right = status === 200 && job >= least && job <= upstreams.jobs.claude + 1;
      judge(findings, 'preview', !right && `in job ${least + 1} it was ${status} ${body}`);
      const uninvited = await get({});
      judge(findings, 'preview', uninvited.status !== 401 && `without a token it was ${uninvited.status}`);
    },
    async lookWhilePaused() {
      const { status, body } = await get({ [header]: token });
      judge(findings, 'still', status !== 503 && `the preview was ${status} ${body}`);
    },
  };
}
