import type { JSX } from 'preact';
import type { RequestFilter } from '../../api/request-stream.ts';
import { Choices } from '../../ui/field.tsx';

type Kind = 'all' | 'request' | 'tripwire';
type Status = NonNullable<RequestFilter['status']>;

const statuses: readonly (readonly [Status | '', string])[] = [
  ['', 'Any status'],
  ['errors', 'Errors only'],
  ['2xx', '2xx'],
  ['3xx', '3xx'],
  ['4xx', '4xx'],
  ['5xx', '5xx'],
];

/** What is shown of the requests, by kind, status and host. */
export function RequestFilters(props: {
  filter: RequestFilter;
  onChange: (filter: RequestFilter) => void;
}): JSX.Element {
  const { kind, status, host } = props.filter;
  const set = (change: { [Key in keyof RequestFilter]: RequestFilter[Key] | undefined }) => {
    const merged = Object.entries({ ...props.filter, ...change }).filter(([, value]) => value !== undefined);
    props.onChange(Object.fromEntries(merged));
  };
  return (
    <>
      <Choices<Kind>
        label="Kind"
        bare
        value={kind ?? 'all'}
        options={[
          ['all', 'All'],
          ['request', 'Requests'],
          ['tripwire', 'Tripwires'],
        ]}
        onInput={(chosen) => set({ kind: chosen === 'all' ? undefined : chosen })}
      />
      <select
        class="input auto"
        aria-label="Status"
        value={status ?? ''}
        onInput={({ currentTarget: { value } }) => {
          const chosen = statuses.find(([each]) => each === value)?.[0];
          set({ status: chosen === '' ? undefined : chosen });
        }}
      >
        {statuses.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <input
        class="input mono auto"
        type="search"
        aria-label="Host"
        placeholder="host, exactly"
        value={host ?? ''}
        onChange={({ currentTarget: { value } }) => set({ host: value.trim() === '' ? undefined : value.trim() })}
      />
    </>
  );
}
