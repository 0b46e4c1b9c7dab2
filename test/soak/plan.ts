import type { Client } from '../../src/client/client.ts';

/** Who is at work in a run: sandboxes, their secrets, and the hosts that these are for. */

type SecretInput = Parameters<Client['secrets']['create']>[0];

/** How a secret goes into a request. */
export type Scheme = 'bearer' | 'basic' | 'api-key';

export interface PlannedSecret {
  /** Index in the plan; part of each of its values. */
  index: number;
  name: string;
  scheme: Scheme;
  host: string;
  /** Variable under which its sandboxes have it. */
  envKey: string;
  /** Sandboxes that it is bound to. */
  boxes: number[];
}

export interface PlannedBox {
  index: number;
  driver: 'external' | 'bubblewrap';
}

export interface Plan {
  boxes: PlannedBox[];
  secrets: PlannedSecret[];
}

/** One that no secret names; nothing is swapped or searched there. */
export const plainHost = 'plain.example.com';
/** Its upstream speaks only HTTP/2. */
export const http2Host = 'delta.example.com';
/** Answers at once and never fails: it shows when the server is back. */
export const steadyHost = 'steady.example.com';
/** Every sandbox has a secret for it: most of them one of its own, and all of them a common one at `commonHost`. */
const sharedHost = 'alpha.example.com';
const commonHost = 'echo.example.com';

export const http1Hosts = [
  sharedHost,
  commonHost,
  'bravo.example.com',
  'charlie.example.com',
  plainHost,
  steadyHost,
] as const;
export const allHosts = [...http1Hosts, http2Host];

/** Every sandbox has four secrets of its own and two that all have. */
export function makePlan({ external, bubblewrap }: { external: number; bubblewrap: number }): Plan {
  const boxes = Array.from({ length: external + bubblewrap }, (_, index) => ({
    index,
    driver: index < external ? ('external' as const) : ('bubblewrap' as const),
  }));
  const own = boxes.flatMap(({ index }): Omit<PlannedSecret, 'index'>[] => [
    { name: `bearer-${index}`, scheme: 'bearer', host: sharedHost, envKey: 'BEARER', boxes: [index] },
    { name: `basic-${index}`, scheme: 'basic', host: 'bravo.example.com', envKey: 'BASIC', boxes: [index] },
    { name: `api-key-${index}`, scheme: 'api-key', host: 'charlie.example.com', envKey: 'API_KEY', boxes: [index] },
    { name: `http2-${index}`, scheme: 'bearer', host: http2Host, envKey: 'HTTP2', boxes: [index] },
  ]);
  const everyone = boxes.map(({ index }) => index);
  const common: Omit<PlannedSecret, 'index'>[] = [
    { name: 'common', scheme: 'bearer', host: commonHost, envKey: 'COMMON', boxes: everyone },
    { name: 'steady', scheme: 'bearer', host: steadyHost, envKey: 'STEADY', boxes: everyone },
  ];
  return { boxes, secrets: [...own, ...common].map((secret, index) => Object.assign(secret, { index })) };
}

/** The secret as the API takes it. */
export function secretInput({ name, scheme, host }: PlannedSecret, value: string): SecretInput {
  const auth: SecretInput['auth'] =
    scheme === 'api-key'
      ? { type: 'api-key', header: 'X-Key' }
      : scheme === 'basic'
        ? { type: 'basic' }
        : { type: 'bearer' };
  return { name, value, auth, hosts: [host] };
}

/** The field that carries the stand-in, in the slot of its rule. */
export function credentialField(scheme: Scheme, standIn: string): [name: string, value: string] {
  if (scheme === 'api-key') return ['X-Key', standIn];
  if (scheme === 'basic') return ['Authorization', `Basic ${Buffer.from(`me:${standIn}`).toString('base64')}`];
  return ['Authorization', `Bearer ${standIn}`];
}

/** The credential in the fields of a request, as an upstream reads it: of any of these schemes, decoded. */
export function credentialOf(fields: Iterable<readonly [name: string, value: string]>): string | null {
  for (const [name, value] of fields) {
    if (name.toLowerCase() === 'x-key') return value;
    if (name.toLowerCase() !== 'authorization') continue;
    const [scheme = '', text = ''] = value.split(' ');
    return scheme.toLowerCase() === 'basic'
      ? (Buffer.from(text, 'base64').toString('latin1').split(':')[1] ?? null)
      : text;
  }
  return null;
}
