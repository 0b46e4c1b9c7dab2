import type { Provider } from '../../client/client.ts';

/** What one provider's tokens look like, read from the words of the catalogue: `ghp_ + 36 letters and digits`. */
export interface Shape {
  provider: string;
  /** What every such token starts with; empty where it starts at random. */
  prefix: string;
  /** The whole token. */
  exact: RegExp;
}

const classes: Record<string, string> = {
  'letters and digits': 'A-Za-z0-9',
  'upper-case letters and digits': 'A-Z0-9',
  'base64url characters': 'A-Za-z0-9_-',
  digits: '0-9',
  'hex digits': '0-9a-f',
  'UUID characters': '0-9a-f-',
};

/** The shapes of all tokens in the catalogue. */
export function shapesOf(providers: readonly Pick<Provider, 'name' | 'token_shape'>[]): Shape[] {
  return providers.flatMap(({ name, token_shape: words }) =>
    words.split(', or ').map((shape) => {
      const parts = shape.split(' + ');
      const first = parts[0] ?? '';
      return {
        provider: name,
        prefix: classOf(first) === null ? first : '',
        exact: new RegExp(`^${parts.map(patternOf).join('')}$`),
      };
    }),
  );
}

function patternOf(part: string): string {
  const found = classOf(part);
  if (found === null) return part.replaceAll(/[.*+?^${}()|[\]\\-]/g, String.raw`\$&`);
  return `[${found.characters}]${found.length === null ? '{8,}' : `{${found.length}}`}`;
}

function classOf(part: string): { characters: string; length: number | null } | null {
  const [, count, plural = ''] = /^(?:(\d+) )?(.*)$/.exec(part) ?? [];
  const characters = classes[plural];
  return characters === undefined ? null : { characters, length: count === undefined ? null : Number(count) };
}
