import type { Store } from '../store/store.ts';
import type { ExplainedEvent } from '../store/trail.ts';
import type { ExplanationView, RequestView, StepName } from './console-types.ts';
import { refusalHelp } from './refusal-help.ts';

/** One request, by all its rows (one for each secret), and what is known of how it went. */
export async function explainEvents(
  store: Store,
  found: { request: RequestView; rows: readonly ExplainedEvent[]; shown: readonly RequestView[] },
): Promise<ExplanationView> {
  const { request, rows, shown } = found;
  // What the rows of one request have in common stands in the first.
  const first = rows[0]?.details ?? null;
  const [, rule = null, address = null, port = null, tls = null, alpn = null] = first?.facts ?? [];
  const denied = request.errorCode === 'host_denied';
  const steps = first?.steps ?? null;
  const reached = address !== null && port !== null;
  const view: Omit<ExplanationView, 'text'> = {
    request,
    detail: first === null ? 'basic' : 'full',
    standIns: await standInsOf(store, rows, shown),
    network:
      first === null && !denied
        ? null
        : { verdict: denied ? 'blocked' : 'allowed', rule: denied ? (rule ?? null) : rule },
    connection: reached
      ? {
          address,
          port,
          tls,
          alpn,
          certificateName: tls === null ? null : request.host,
          reused: steps !== null && steps[4] === undefined,
        }
      : null,
    steps: steps === null ? [] : stepsOf(steps, request.latencyMs),
    scrubbed: scrubbedOf(first?.scrubbed ?? null),
    refused: request.errorCode === null ? null : refusalHelp(request.errorCode),
  };
  return { ...view, text: sentences(view) };
}

async function standInsOf(
  store: Store,
  rows: readonly ExplainedEvent[],
  shown: readonly RequestView[],
): Promise<ExplanationView['standIns']> {
  const found: ExplanationView['standIns'] = [];
  for (const [index, row] of rows.entries()) {
    if (row.secretId === null) continue;
    const [envKey, slot] = split(row.details?.facts?.[0] ?? null);
    found.push({
      envKey: envKey ?? (await boundAs(store, row)),
      secretId: row.secretId,
      secretName: shown[index]?.secretName ?? null,
      slot: row.tripwire?.slot ?? slot ?? 'not put down',
      swapped: row.kind === 'request' && (row.errorCode === null || row.upstreamStatus !== null),
    });
  }
  return found;
}

/** `<variable> <place>`. */
function split(standIn: string | null): [envKey: string | null, slot: string | null] {
  if (standIn === null) return [null, null];
  const space = standIn.indexOf(' ');
  return [standIn.slice(0, space), standIn.slice(space + 1)];
}

/** The variable by which the sandbox has the secret now, for rows that do not say it. */
async function boundAs(store: Store, { sandboxId, secretId }: ExplainedEvent): Promise<string | null> {
  const bound = await store.bindings.bySandbox(sandboxId);
  return bound.find(({ secret }) => secret.id === secretId)?.binding.envKey ?? null;
}

function stepsOf(
  steps: NonNullable<NonNullable<ExplainedEvent['details']>['steps']>,
  latencyMs: number | null,
): ExplanationView['steps'] {
  const [judged, valueOpened, connected, firstByte, dialled, tls] = steps;
  const list: ExplanationView['steps'] = [];
  let last = 0;
  const until = (name: StepName, at: number | null) => {
    if (at === null) return;
    list.push({ name, ms: Math.max(0, at - last) / 10 });
    last = at;
  };
  until('judged', judged);
  until('value_opened', valueOpened);
  if (dialled === undefined) until('connected', connected);
  else {
    list.push({ name: 'dialled', ms: dialled / 10 });
    if (tls !== undefined && tls > 0) list.push({ name: 'tls', ms: tls / 10 });
    last = connected ?? last;
  }
  until('first_byte', firstByte);
  if (firstByte !== null && latencyMs !== null) until('body', Math.max(firstByte, latencyMs * 10));
  return list;
}

function scrubbedOf(counts: readonly [head: number, body: number] | null): ExplanationView['scrubbed'] {
  const [head, body] = counts ?? [0, 0];
  return [
    ...(head > 0 ? [{ place: 'head' as const, count: head }] : []),
    ...(body > 0 ? [{ place: 'body' as const, count: body }] : []),
  ];
}

function sentences(view: Omit<ExplanationView, 'text'>): string[] {
  const { request, standIns, network, connection, scrubbed, refused, detail } = view;
  const text: string[] = [];
  if (request.kind === 'tripwire') {
    const of = request.secretName === null ? 'a stand-in' : `the stand-in of ${request.secretName}`;
    text.push(`In a request to ${request.host}, ${of} stood where it must not be: ${request.tripwire?.slot ?? ''}.`);
    if (request.tripwire?.action === 'revoke') text.push('Its binding was detached at once.');
  } else if (standIns.length === 0) {
    text.push(
      refused === null
        ? `Nothing was swapped because the request carried no stand-in in its path, query or headers: it went to ${request.host} as it was.`
        : 'It carried no stand-in of this sandbox.',
    );
  }
  for (const each of standIns.filter(() => request.kind !== 'tripwire')) {
    const name = `${each.envKey ?? 'The stand-in'} (${each.secretName ?? 'a secret that is gone'})`;
    const where = each.slot === 'not put down' ? '' : ` in ${each.slot}`;
    if (each.swapped) text.push(`${name} was found${where} and swapped for the real value, for ${request.host} alone.`);
    else if (request.outcome === 'failed') text.push(`${name} was found${where}; the request failed before an answer.`);
    else text.push(`${name} was found${where} and was not swapped.`);
  }
  if (network?.verdict === 'blocked')
    text.push(`The network rules did not allow ${request.host}${network.rule === null ? '' : ` (${network.rule})`}.`);
  if (connection !== null) {
    const how = connection.reused ? 'a connection that was open already' : 'a new connection';
    const secure =
      connection.tls === null
        ? 'without TLS'
        : `${connection.tls}, ${connection.alpn ?? 'HTTP/1.1'}, the certificate verified for ${request.host}`;
    text.push(`It went over ${how} to ${connection.address} port ${connection.port} (${secure}).`);
  }
  if (refused !== null) text.push(`${refused.code}: ${refused.cause}. To cure it, ${refused.cure}.`);
  else if (request.kind === 'request' && request.status !== null)
    text.push(`The upstream answered ${request.upstreamStatus ?? request.status} in ${request.latencyMs ?? 0} ms.`);
  for (const { place, count } of scrubbed)
    text.push(
      `A real value came back ${count === 1 ? 'once' : `${count} times`} in the ${place}; the stand-in was put in its place.`,
    );
  if (detail === 'basic' && request.kind === 'request')
    text.push('It was put down before details of connections and steps were.');
  return text;
}
