import { randomBytes, randomUUID } from 'node:crypto';
import { Secret } from '../crypto/secret.ts';
import { badField, StandinError } from '../errors.ts';
import type { WebhookRecord } from '../store/store.ts';
import type { VaultDeps } from './deps.ts';
import { isUuid, notFound } from './text.ts';
import type { Tripped } from './tripwire.ts';
import type { Caller, WebhookService } from './types.ts';
import { webhookKeyContext } from './webhook-key.ts';

const mostWebhooks = 16;
/** Deliveries of a team that may wait; past that, events are in the audit trail alone. */
const mostWaiting = 1000;
const longestUrl = 2048;
const loopbackHosts = new Set(['127.0.0.1', '[::1]']);

type Deps = Pick<VaultDeps, 'store' | 'envelope' | 'queued' | 'logger' | 'now'>;

export function createWebhooks(deps: Deps): WebhookService {
  const { store, envelope, now } = deps;

  async function find({ teamId }: Caller, id: string): Promise<WebhookRecord> {
    const found = isUuid(id) ? await store.webhooks.find(id) : null;
    if (found === null || found.webhook.teamId !== teamId) throw notFound('webhook');
    return found.webhook;
  }

  return {
    async create(caller, { url, events }) {
      const { text, loopback } = requireUrl(url, caller);
      const id = randomUUID();
      const { teamId } = caller;
      const webhook: WebhookRecord = {
        id,
        teamId,
        url: text,
        events: [...new Set(events)],
        loopback,
        createdAt: now(),
      };
      const key = randomBytes(32);
      const sealed = await envelope.seal(new Secret(key), webhookKeyContext(webhook));
      if ((await store.webhooks.insert(webhook, sealed, mostWebhooks)) === 'full') {
        throw new StandinError('conflict', `a team has ${mostWebhooks} webhooks at most; delete one first`);
      }
      return { view: webhook, secret: `whsec_${key.toString('base64')}` };
    },

    list: ({ teamId }) => store.webhooks.list(teamId),

    async remove({ teamId }, id) {
      if (!isUuid(id) || !(await store.webhooks.remove(teamId, id))) throw notFound('webhook');
    },

    async test(caller, id) {
      const webhook = await find(caller, id);
      const at = now();
      const delivery = { id: deliveryId(), webhookId: webhook.id, body: bodyOf('test', at, {}), createdAt: at };
      if ((await store.webhooks.queue(caller.teamId, [delivery], mostWaiting)) === 0) {
        throw new StandinError('conflict', `${mostWaiting} deliveries of this team are waiting already`);
      }
      deps.queued();
      return { deliveryId: delivery.id };
    },
  };
}

/** Queues tripwire events for the webhooks of their teams; resolves when they are durable. */
export function createNotifier({ store, queued, logger, now }: Deps): (tripped: readonly Tripped[]) => Promise<void> {
  return async (tripped) => {
    const at = now();
    const teams = Map.groupBy(tripped, ({ seen }) => seen.teamId);
    for (const [teamId, events] of teams) {
      const webhooks = (await store.webhooks.list(teamId)).filter((each) => each.events.includes('tripwire'));
      if (webhooks.length === 0) continue;
      // Many at once are of one flood: what goes beyond the queue is not even made.
      const some = events.slice(0, mostWaiting);
      const bodies = some.map(({ seen, secretName }) =>
        bodyOf('tripwire', new Date(seen.ts), {
          sandbox_id: seen.sandboxId,
          secret: secretName,
          host: seen.host,
          slot: seen.slot,
          stand_in: seen.standIn,
          action: seen.action,
          error_code: seen.errorCode,
        }),
      );
      const deliveries = bodies.flatMap((body) =>
        webhooks.map(({ id }) => ({ id: deliveryId(), webhookId: id, body, createdAt: at })),
      );
      const kept = await store.webhooks.queue(teamId, deliveries, mostWaiting);
      const left = events.length * webhooks.length - kept;
      if (left > 0) logger.warn({ team: teamId, left }, 'too many webhook deliveries wait; these were left out');
      if (kept > 0) queued();
    }
  };
}

function deliveryId(): string {
  return `msg_${randomUUID().replaceAll('-', '')}`;
}

function bodyOf(type: 'tripwire' | 'test', at: Date, data: Record<string, string | null>): string {
  return JSON.stringify({ type, timestamp: at.toISOString(), data });
}

function requireUrl(text: string, { operator }: Caller): { text: string; loopback: boolean } {
  const url = text.length <= longestUrl ? URL.parse(text) : null;
  if (url === null) throw badField('url', `must be a URL of at most ${longestUrl} characters`);
  if (url.username !== '' || url.password !== '') throw badField('url', 'must hold no user name or password');
  if (url.hash !== '') throw badField('url', 'must have no fragment');
  if (url.protocol === 'https:') return { text: url.href, loopback: false };
  if (url.protocol !== 'http:' || !loopbackHosts.has(url.hostname)) {
    throw badField('url', 'must begin with https://; http:// is for 127.0.0.1 and [::1] only');
  }
  if (!operator)
    throw new StandinError('forbidden', 'url: only an operator key may name an address of the server itself');
  return { text: url.href, loopback: true };
}
