import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Answer } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import { useLoad } from '../../state/load.ts';
import { Loading, Tag, plural } from '../../ui/bits.tsx';
import { Icon } from '../../ui/icons.tsx';
import { Problem } from '../../ui/problem.tsx';

type Setting = Answer<'getConfig'>[number];

/** The settings as they stand, and where each came from. */
export function ConfigTable(): JSX.Element {
  const { data, failure, reload } = useLoad(['config'], (signal) => call('getConfig', { signal }));
  const [sought, setSought] = useState('');
  const words = sought.trim().toLowerCase();
  const shown = data?.filter(({ name, help }) => `${name} ${help}`.toLowerCase().includes(words));
  return (
    <section class="stack" aria-labelledby="config">
      <div>
        <h2 id="config">Configuration</h2>
        <p class="muted">As the server runs now. A change takes a restart; secrets in it are not shown.</p>
      </div>
      <Problem failure={failure} retry={reload} />
      {data === undefined && failure === undefined && <Loading what="settings" />}
      {shown !== undefined && (
        <>
          <div class="filters">
            <div class="search">
              <Icon name="search" />
              <input
                class="input"
                type="search"
                aria-label="Search settings"
                placeholder="Search settings"
                value={sought}
                onInput={(event) => setSought(event.currentTarget.value)}
              />
            </div>
            <span class="muted small end" role="status">
              {plural(shown.length, 'setting')}
            </span>
          </div>
          <ul class="settings">
            {shown.map((setting) => (
              <Entry key={setting.name} setting={setting} />
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Entry({ setting }: { setting: Setting }): JSX.Element {
  const { name, current, source, help } = setting;
  return (
    <li>
      <div class="row spread">
        <code class="breaks">{name}</code>
        <Tag tone={source === 'default' ? 'plain' : 'accent'}>{source}</Tag>
      </div>
      <p class="mono breaks">{current === '' ? <span class="muted">not set</span> : current}</p>
      <p class="muted small">{help}</p>
    </li>
  );
}
