import { z } from 'zod';
import { openSandbox } from '../allowed.ts';
import { sandboxId } from '../fields.ts';
import { refusalHelp } from '../refusal-help.ts';
import { tool } from '../tool.ts';

const row = z.object({
  id: z.int().describe('Of a request: what explain takes'),
  kind: z.enum(['connection', 'request']),
  ts: z.string(),
  host: z.string(),
  port: z.int().optional(),
  verdict: z.enum(['allowed', 'blocked', 'failed']).optional(),
  match_rule: z.string().optional(),
  method: z.string().optional(),
  path: z.string().optional(),
  status: z.int().optional(),
  upstream_status: z.int().optional(),
  latency_ms: z.int().optional(),
  error_code: z.string().optional().describe('Why the proxy refused it'),
  help: z.string().optional().describe('What to do about that'),
});

/** What left a sandbox, and why something did not. */
export const networkLog = tool({
  name: 'network_log',
  title: 'See what left a sandbox',
  description:
    'Connections and requests of a sandbox, newest first, with the verdict of the proxy; where it refused one, why, and what to do.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({
    sandbox_id: sandboxId,
    limit: z.int().min(1).max(200).default(50),
    before: z.string().max(64).optional().describe('next_cursor of the page before'),
    verdict: z.enum(['allowed', 'blocked', 'failed']).optional().describe('Only connections with this verdict'),
  }),
  output: z.object({ rows: z.array(row), next_cursor: z.string().optional() }),
  async run({ sandbox_id: id, limit, before, verdict }, call) {
    const sandbox = await openSandbox(id, call);
    const page = await sandbox.getNetworkLog({
      limit,
      ...(before !== undefined && { before }),
      ...(verdict && { verdict }),
    });
    return {
      rows: page.events.map((event) => {
        const { kind, ts, host, verdict: outcome, method, path, status } = event;
        const help = event.errorCode === undefined ? undefined : refusalHelp[event.errorCode];
        return {
          id: event.id,
          kind,
          ts: ts.toISOString(),
          host,
          port: event.dstPort,
          verdict: outcome,
          match_rule: event.matchRule,
          method,
          path,
          status,
          upstream_status: event.upstreamStatus,
          latency_ms: event.latencyMs,
          error_code: event.errorCode,
          help,
        };
      }),
      next_cursor: page.nextCursor,
    };
  },
});
