import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ButtonLink } from '../../ui/button.tsx';
import { Code } from '../../ui/copy.tsx';
import { Choices } from '../../ui/field.tsx';
import { systems, trustSteps } from './trust-steps.ts';
import type { System } from './trust-steps.ts';

/** The CA with which the proxy ends TLS, and how a system comes to trust it. */
export function Certificate(): JSX.Element {
  const [system, setSystem] = useState<System>('debian');
  return (
    <section class="stack form wide" aria-labelledby="certificate">
      <div class="row spread">
        <div>
          <h2 id="certificate">Certificate authority</h2>
          <p class="muted">
            Sandboxes on the server trust it already. One that runs elsewhere must: install it there, and never on your
            own machine as a whole.
          </p>
        </div>
        <ButtonLink kind="primary" icon="down" href="/ca.pem" download="standin-ca.pem">
          Download
        </ButtonLink>
      </div>
      <Choices label="For which system" bare value={system} options={systems} onInput={setSystem} />
      {trustSteps[system].map(({ title, text }) => (
        <section key={title} class="stack tight">
          <h3>{title}</h3>
          <Code text={text.replaceAll('ORIGIN', location.origin)} what={title} />
        </section>
      ))}
    </section>
  );
}
