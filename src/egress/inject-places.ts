import { hiddenCores } from './inject-scan.ts';
import type { HeaderLines } from './wire/head.ts';

/**
 * Cores of stand-ins, each with the place where it was found first, in words of ours: `header user-agent`,
 * `basic password`, `query key`, `path`, `request line`, `trailer x-sum`. A name that is no plain word, or that holds a
 * stand-in itself, is not repeated.
 */
export type Places = Map<string, string>;

const basicCredentials = /^basic +([A-Za-z0-9+/_-]+={0,2})$/i;
const plainName = /^[A-Za-z0-9_.[\]-]{1,64}$/;

/** Puts down where in a header line these cores are. */
export function placeInHeader(
  places: Places,
  cores: readonly string[],
  at: { lines: HeaderLines; line: number },
): void {
  const { lines, line } = at;
  const value = lines.value(line);
  const encoded = lines.isNamed(line, 'authorization') ? basicCredentials.exec(value)?.[1] : undefined;
  if (encoded !== undefined) {
    const credentials = Buffer.from(encoded, 'base64').toString('latin1');
    const colon = credentials.indexOf(':');
    putAll(places, hiddenCores(colon === -1 ? credentials : credentials.slice(0, colon)), 'basic user name');
    if (colon !== -1) putAll(places, hiddenCores(credentials.slice(colon + 1)), 'basic password');
  }
  putAll(places, cores, named('header', lines.name(line)));
}

/** The same in a request line, as it was sent. */
export function placeInRequestLine(places: Places, cores: readonly string[], text: string): void {
  const target = text.slice(text.indexOf(' ') + 1, text.lastIndexOf(' '));
  const question = target.indexOf('?');
  if (question !== -1) {
    const query = target.slice(question + 1);
    for (const pair of query.split('&')) {
      const equals = pair.indexOf('=');
      if (equals !== -1) putAll(places, hiddenCores(pair.slice(equals + 1)), named('query', pair.slice(0, equals)));
    }
    putAll(places, hiddenCores(query), 'query');
  }
  putAll(places, hiddenCores(question === -1 ? target : target.slice(0, question)), 'path');
  putAll(places, cores, 'request line');
}

/** The same in a trailer section. */
export function placeInTrailers(cores: readonly string[], text: string): Places {
  const places: Places = new Map();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon !== -1) putAll(places, hiddenCores(line.slice(colon + 1)), named('trailer', line.slice(0, colon)));
  }
  putAll(places, cores, 'trailer');
  return places;
}

/** `header x-name`; `header` alone where the name must not be repeated. */
export function named(kind: 'header' | 'query' | 'trailer', name: string): string {
  return plainName.test(name) && hiddenCores(name).length === 0 ? `${kind} ${name.toLowerCase()}` : kind;
}

function putAll(places: Places, cores: readonly string[], place: string): void {
  for (const core of cores) if (!places.has(core)) places.set(core, place);
}
