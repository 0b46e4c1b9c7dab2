import type { Vault } from '../../vault/types.ts';
import type { Authenticator } from '../authentication.ts';
import type { StreamHandlers } from '../handler.ts';
import { RequestStreams } from '../request-stream.ts';
import type { StreamLimits } from '../request-stream.ts';
import { filterOf } from './activity.ts';

export function requestStreamHandlers(
  vault: Vault,
  { authenticator, limits }: { authenticator: Authenticator; limits?: Partial<StreamLimits> | undefined },
): Pick<StreamHandlers, 'streamRequests' | 'getCa'> {
  const streams = new RequestStreams(vault, limits);
  return {
    async streamRequests({ caller, query, signal }, exchange) {
      const last = exchange.request.headers['last-event-id'];
      await streams.serve(exchange, {
        caller,
        filter: filterOf(query),
        resumeFrom: typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : null,
        signal,
        recheck: () => authenticator.caller(exchange.request),
      });
    },

    async getCa(_input, exchange) {
      const headers = {
        'content-type': 'application/x-pem-file',
        'content-disposition': 'attachment; filename="standin-ca.pem"',
      };
      exchange.begin(200, headers).end(vault.caPem());
    },
  };
}
