import { randomBytes, randomUUID } from 'node:crypto';
import { hashToken } from '../crypto/hash.ts';
import { badField, StandinError } from '../errors.ts';
import type { SecretRecord } from '../store/store.ts';
import { makeBinding } from './bind.ts';
import type { CheckService, SecretExplanationView, SecretTestView } from './console-types.ts';
import type { ProbeAnswer, VaultDeps } from './deps.ts';
import { probeCalls } from './probe-call.ts';
import type { ProbeCall } from './probe-call.ts';
import { refusalHelp } from './refusal-help.ts';
import { boundStandIn } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';
import { notFound } from './text.ts';
import type { Caller } from './types.ts';

/** Tests that a team may make at once, and how soon it may make another. */
const burst = 10;
const everyMs = 3000;

type CheckDeps = Pick<VaultDeps, 'store' | 'envelope' | 'now' | 'probe'>;

/** Sandboxes that exist for one call, and for the proxy alone: the store never hears of them. */
export class Passing {
  readonly #snapshots = new Map<string, Snapshot>();

  get(id: string): Snapshot | null {
    return this.#snapshots.get(id) ?? null;
  }

  add(snapshot: Snapshot): void {
    this.#snapshots.set(snapshot.id, snapshot);
  }

  delete(id: string): void {
    this.#snapshots.delete(id);
  }
}

/** Whether a secret does what it should: docs/adr/0040. */
export function createChecks(deps: CheckDeps, passing: Passing): CheckService {
  const { store, now, probe } = deps;
  const tests = new Map<string, number>();

  async function find({ teamId }: Caller, name: string): Promise<SecretRecord> {
    const secret = await store.secrets.byName(teamId, name);
    if (secret === null) throw notFound('secret');
    return secret;
  }

  /** A sandbox with this secret alone, and its stand-in. */
  async function sandboxWith(secret: SecretRecord, allowOut: string[]) {
    const id = randomUUID();
    const binding = await makeBinding(deps, secret, { sandboxId: id, envKey: secret.name });
    const token = randomBytes(32).toString('base64url');
    const snapshot: Snapshot = {
      id,
      teamId: secret.teamId,
      proxyTokenHash: hashToken(token),
      network: { allowOut, denyOut: [] },
      bindings: [boundStandIn({ binding, secret })],
    };
    return { snapshot, token, standIn: binding.standIn };
  }

  function charge(teamId: string): void {
    const at = now().getTime();
    // The time at which all that was taken is given back.
    const free = Math.max(tests.get(teamId) ?? 0, at);
    const wait = free + everyMs - (at + burst * everyMs);
    if (wait > 0) {
      throw new StandinError('rate_limited', 'too many tests of secrets in a short time', { retryAfter: wait / 1000 });
    }
    tests.set(teamId, free + everyMs);
  }

  return {
    async test(caller, name, asked) {
      const secret = await find(caller, name);
      const { snapshot, token, standIn } = await sandboxWith(secret, []);
      const [first, ...others] = probeCalls(secret, asked, standIn);
      snapshot.network.allowOut = [first, ...others].map(({ url }) => url.hostname);
      charge(caller.teamId);
      passing.add(snapshot);
      try {
        const ask = async (call: ProbeCall) => {
          const look = call.verdicts.answerHas;
          return verdict(call, await probe.send({ sandboxId: snapshot.id, token, ...call, look }), standIn);
        };
        let said = await ask(first);
        for (const call of others) if (said.works !== true) said = await ask(call);
        return said;
      } finally {
        passing.delete(snapshot.id);
        await probe.forget(snapshot.id);
      }
    },

    async explain(caller, name, { method, url, headers }) {
      const secret = await find(caller, name);
      const { snapshot, standIn } = await sandboxWith(secret, []);
      const filled = new URL(parsed(fill(url, standIn)));
      const lines = Object.entries(headers).map(([key, value]): [string, string] => [key, fill(value, standIn)]);
      const judged = probe.judge(snapshot, { method, url: filled, headers: lines });
      if ('unreadable' in judged) throw badField('headers', judged.unreadable);
      return explanationOf(secret, filled.hostname, judged);
    },
  };
}

function parsed(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw badField('url', 'must be an absolute URL such as https://api.example.com/v1/models');
  }
  if (url.username !== '' || url.password !== '') {
    throw badField('url', 'must not hold credentials: give the Authorization header');
  }
  return url.href;
}

/** `{{stand_in}}` and `{{base64 user:{{stand_in}}}}`. */
function fill(text: string, standIn: string): string {
  return text
    .replaceAll(/\{\{\s*stand_in\s*\}\}|%7B%7B\s*stand_in\s*%7D%7D/gi, standIn)
    .replaceAll(/\{\{\s*base64 ([^{}]*)\}\}/g, (_, inner: string) => Buffer.from(inner, 'utf8').toString('base64'));
}

function verdict(call: ProbeCall, answer: ProbeAnswer, standIn: string): SecretTestView {
  const { method, url } = call;
  const place = { method, host: url.hostname, path: url.pathname.replaceAll(standIn, '<stand-in>') };
  const { status, latencyMs, errorCode } = answer;
  if (errorCode !== null || status === null) {
    const { cause, cure } = refusalHelp(errorCode ?? 'upstream_unreachable');
    const explanation = `nobody can tell: the proxy did not get an answer (${errorCode ?? 'no answer'}): ${cause}; ${cure}`;
    return { works: 'unknown', status: null, latencyMs, ...place, explanation };
  }
  const works = judge(call, answer);
  return { works, status, latencyMs, ...place, explanation: words(call, status, works) };
}

function judge({ verdicts, lacksUser }: ProbeCall, { status, said }: ProbeAnswer): boolean | 'unknown' {
  if (status === null) return 'unknown';
  const { works, limited, refused, answerHas } = verdicts;
  if (works === null ? status >= 200 && status < 300 : works.includes(status)) return answerHas === null ? true : said;
  if (limited.includes(status)) return true;
  if (refused.includes(status)) return lacksUser ? 'unknown' : false;
  return 'unknown';
}

function words({ url, lacksUser, verdicts }: ProbeCall, status: number, works: boolean | 'unknown'): string {
  const { hostname } = url;
  if (works === true && verdicts.limited.includes(status))
    return `the key is known: ${hostname} answered ${status}, since it may not make this call`;
  if (works === true) return `the key works: ${hostname} answered ${status}`;
  if (works === false)
    return `the key does not work: ${hostname} answered ${status}; store a live one by rotating the secret`;
  if (lacksUser)
    return `${hostname} answered ${status}: it wants a user name too; test with a url such as https://user@${hostname}/`;
  if (status === 403)
    return `${hostname} answered 403: it may know the key, which may not make this call; test with a url that it may`;
  if (status === 404) return `${hostname} answered 404, which says nothing of the key; test with a url that needs one`;
  if (status === 429) return `${hostname} answered 429: too many calls were made with it; try again later`;
  if (status < 300) return `${hostname} answered ${status}, as it may without a key; test with a url that needs one`;
  return `${hostname} answered ${status}, which says nothing of the key`;
}

function explanationOf(
  secret: SecretRecord,
  host: string,
  judged: Exclude<ReturnType<VaultDeps['probe']['judge']>, { unreadable: string }>,
): SecretExplanationView {
  const { outcome, standIns, wouldSend, code, message } = judged;
  const refused = code === null ? null : refusalHelp(code);
  const text = {
    swapped: `yes: ${secret.name} would be swapped at ${host} in ${standIns.map(({ slot }) => slot).join(' and ')}`,
    passed: `nothing would be swapped because the request carries no stand-in; it would go to ${host} as it is. Write {{stand_in}} where the key goes`,
    refused: `no: it would be refused (${code ?? ''}): ${message ?? ''}`,
  };
  return { outcome, host, standIns, wouldSend, refused, explanation: text[outcome] };
}
