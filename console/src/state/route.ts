import { computed, signal } from '@preact/signals';

/** The part of the address behind `#`: segments, decoded, and what follows `?`. */
export interface Place {
  segments: readonly string[];
  query: URLSearchParams;
}

// Behind `#`, because `/secrets` and the like are the API's own paths.
const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

export const place = computed<Place>(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?', 2);
  return { segments: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) };
});

/** An address for `href`: `link('secrets', name, 'audit')`. */
export function link(...segments: string[]): string {
  return `#/${segments.map(encodeURIComponent).join('/')}`;
}

export function go(...segments: string[]): void {
  location.hash = link(...segments);
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
