import type { Answer } from '../../contract/operations.ts';
import type { ExplanationView, RequestFilter, RequestView } from '../../vault/console-types.ts';
import type { Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';
import { auditAnswer } from '../views.ts';

type Ids = 'listRequests' | 'explainRequest' | 'getActivity' | 'getActivityMap';

export function activityHandlers({ requests, activity }: Vault): HandlersOf<Ids> {
  return {
    async listRequests({ caller, query }) {
      const { limit, before, since, until } = query;
      const { rows, next } = await requests.list(caller, {
        ...filterOf(query),
        limit,
        before,
        since: since === undefined ? undefined : new Date(since),
        until: until === undefined ? undefined : new Date(until),
      });
      return {
        data: rows.map(requestAnswer),
        next_cursor: next === null ? null : String(next),
        has_more: next !== null,
      };
    },
    async explainRequest({ caller, params }) {
      return explanationAnswer(await requests.explain(caller, params.id));
    },
    async getActivity({ caller, query }) {
      const { from, to, bucketSeconds, buckets } = await activity.overTime(caller, query.window);
      return {
        from: from.toISOString(),
        to: to.toISOString(),
        bucket_seconds: bucketSeconds,
        buckets: buckets.map(({ at, requests: all, refusals, tripwires, failures, percentiles }) => ({
          at: at.toISOString(),
          requests: all,
          refusals,
          tripwires,
          failures,
          p50_ms: percentiles?.p50 ?? null,
          p95_ms: percentiles?.p95 ?? null,
          p99_ms: percentiles?.p99 ?? null,
        })),
      };
    },
    async getActivityMap({ caller, query }) {
      const { from, to, edges, capped } = await activity.map(caller, query);
      return {
        from: from.toISOString(),
        to: to.toISOString(),
        edges: edges.map((edge) => ({
          sandbox_id: edge.sandboxId,
          sandbox_name: edge.sandboxName,
          secret_name: edge.secretName,
          host: edge.host,
          requests: edge.requests,
          refusals: edge.refusals,
        })),
        capped,
      };
    },
  };
}

type FilterQuery = Pick<RequestFilter, 'secret' | 'host' | 'verdict' | 'status' | 'kind'> & {
  sandbox_id?: string | undefined;
};

export function filterOf({ sandbox_id: sandboxId, secret, host, verdict, status, kind }: FilterQuery): RequestFilter {
  return { sandboxId, secret, host, verdict, status, kind };
}

export function requestAnswer(view: RequestView): Answer<'listRequests'>['data'][number] {
  return {
    ...auditAnswer(view),
    kind: view.kind === 'tripwire' ? 'tripwire' : 'request',
    secret_name: view.secretName,
    verdict: view.outcome,
  };
}

function explanationAnswer(view: ExplanationView): Answer<'explainRequest'> {
  const { connection } = view;
  return {
    request: requestAnswer(view.request),
    detail: view.detail,
    text: view.text,
    stand_ins: view.standIns.map((each) => ({
      env_key: each.envKey,
      secret_id: each.secretId,
      secret_name: each.secretName,
      slot: each.slot,
      swapped: each.swapped,
    })),
    network: view.network,
    connection:
      connection === null
        ? null
        : {
            address: connection.address,
            port: connection.port,
            tls: connection.tls,
            alpn: connection.alpn,
            certificate_name: connection.certificateName,
            reused: connection.reused,
          },
    steps: view.steps,
    scrubbed: view.scrubbed,
    refused: view.refused,
  };
}
