import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { Answer } from '../../../../src/contract/operations.ts';
import { Mark } from '../../ui/bits.tsx';
import { Icon } from '../../ui/icons.tsx';

export type Provider = Answer<'listProviders'>[number];

/** The catalogue to choose from: radio buttons, so that arrow keys move and a screen reader counts. */
export function ProviderPicker(props: {
  providers: readonly Provider[];
  chosen: string;
  onChoose: (name: string) => void;
}): JSX.Element {
  const id = useId();
  const [sought, setSought] = useState('');
  const words = sought.trim().toLowerCase();
  const found = props.providers.filter(({ name, display, hosts }) =>
    [name, display, ...hosts].some((each) => each.toLowerCase().includes(words)),
  );
  return (
    <fieldset class="bare stack tight">
      <legend class="label">Provider</legend>
      <div class="search">
        <Icon name="search" />
        <input
          class="input"
          type="search"
          aria-label="Search the catalogue"
          placeholder={`Search ${props.providers.length} providers by name or host`}
          value={sought}
          onInput={(event) => setSought(event.currentTarget.value)}
        />
      </div>
      <div class="providers">
        {found.map(({ name, display, hosts }) => (
          <label key={name} class="provider">
            <input
              type="radio"
              name={id}
              value={name}
              checked={name === props.chosen}
              onInput={() => props.onChoose(name)}
            />
            <Mark name={display} />
            <span class="clip">
              {display}
              <span class="mono muted clip">{hosts[0]}</span>
            </span>
          </label>
        ))}
      </div>
      {found.length === 0 && (
        <p class="muted">
          No provider is called “{sought}”. Choose <em>Own rule</em> above and say host and header yourself.
        </p>
      )}
    </fieldset>
  );
}
