/** An RFC 3339 time as people read it: `2026-01-31 08:15:00Z`. */
export function shortTime(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : text.replace('T', ' ').replace(/\.\d+/, '');
}

const steps = [
  { unit: 'day', seconds: 86_400 },
  { unit: 'hour', seconds: 3600 },
  { unit: 'min', seconds: 60 },
] as const;

/** How long ago, or until then: `just now`, `5 min ago`, `in 2 hours`; from a month on the day itself. */
export function relativeTime(text: string | null | undefined, now = Date.now()): string | null {
  if (text === null || text === undefined) return null;
  const past = (now - Date.parse(text)) / 1000;
  const away = Math.abs(past);
  if (!(away < 30 * 86_400)) return text.slice(0, 10);
  if (away < 60) return past >= 0 ? 'just now' : 'in a moment';
  const { unit, seconds } = steps.find((step) => away >= step.seconds) ?? steps[2];
  const count = Math.floor(away / seconds);
  const words = `${count} ${unit}${count > 1 && (unit === 'day' || unit === 'hour') ? 's' : ''}`;
  return past > 0 ? `${words} ago` : `in ${words}`;
}
