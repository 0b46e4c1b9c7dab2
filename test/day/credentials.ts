import { makeValue, valuesIn } from '../soak/marks.ts';

/** The secrets of the day: where each goes, how, and which variable holds its stand-in. */
export const secrets = [
  { name: 'anthropic', envKey: 'ANTHROPIC_API_KEY', host: 'api.anthropic.com', rule: { provider: 'anthropic' } },
  { name: 'openai', envKey: 'OPENAI_API_KEY', host: 'api.openai.com', rule: { provider: 'openai' } },
  { name: 'github', envKey: 'GITHUB_TOKEN', host: 'github.com', rule: { provider: 'github' } },
  own('npm', 'NPM_TOKEN', { type: 'bearer' }),
  own('pypi', 'PYPI_TOKEN', { type: 'basic' }),
  own('socket', 'SOCKET_TOKEN', { type: 'bearer' }),
  own('crm', 'CRM_TOKEN', { type: 'bearer' }),
] as const;

export type SecretName = (typeof secrets)[number]['name'];

function own<const Name extends string>(name: Name, envKey: string, auth: { type: 'bearer' } | { type: 'basic' }) {
  const host = `${name}.example.com`;
  return { name, envKey, host, rule: { auth, hosts: [host] } };
}

/** A request that was written before a change may arrive right after it. */
const underWayMs = 250;

interface Version {
  value: string;
  /** When the call that set it was made. */
  from: number;
  /** When the call that replaced it was answered. */
  until: number;
}

/** Which value of each secret may arrive when; times are Unix time in ms. */
export class Credentials {
  readonly #versions = new Map<SecretName, Version[]>();
  readonly #detached = new Map<SecretName, { from: number; until: number }[]>();

  /** A new value of that secret, the first one included; `set` is told by `stored` that it counts. */
  next(name: SecretName): { value: string; stored: () => void } {
    const versions = this.#versions.get(name) ?? [];
    this.#versions.set(name, versions);
    const before = versions.at(-1);
    const value = makeValue({ secret: indexOf(name), version: versions.length });
    versions.push({ value, from: Date.now(), until: Number.POSITIVE_INFINITY });
    return {
      value,
      stored: () => {
        if (before !== undefined) before.until = Date.now();
      },
    };
  }

  /** From now on nothing may arrive with it. */
  detached(name: SecretName): void {
    const spans = this.#detached.get(name) ?? [];
    spans.push({ from: Date.now(), until: Number.POSITIVE_INFINITY });
    this.#detached.set(name, spans);
  }

  /** Told before it is bound again. */
  attaching(name: SecretName): void {
    const span = this.#detached.get(name)?.at(-1);
    if (span !== undefined) span.until = Date.now();
  }

  /** What is wrong with this credential, for that host, at this time; null where nothing is. */
  wrongWith(text: string, { host, at }: { host: string; at: number }): string | null {
    const found = valuesIn(text);
    const [value] = found;
    if (value === undefined || found.length > 1) return `${found.length} values where one is wanted`;
    const secret = secrets[value.secret];
    const version = secret && this.#versions.get(secret.name)?.[value.version];
    if (secret === undefined || version === undefined || !text.includes(version.value)) return 'a value of nobody';
    if (secret.host !== host) return `a value of ${secret.name}`;
    if (at < version.from) return `version ${value.version} before it was stored`;
    const late = at - version.until;
    if (late > underWayMs) return `version ${value.version}, ${late} ms after it was replaced`;
    const apart = this.#detached.get(secret.name)?.find(({ from, until }) => at > from + underWayMs && at < until);
    return apart === undefined ? null : `a value ${at - apart.from} ms after it was detached`;
  }
}

function indexOf(name: SecretName): number {
  return secrets.findIndex((each) => each.name === name);
}
