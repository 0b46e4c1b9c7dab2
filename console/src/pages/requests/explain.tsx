import type { JSX } from 'preact';
import type { Answer } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import type { RequestRow } from '../../api/request-stream.ts';
import { useLoad } from '../../state/load.ts';
import { Loading, Tag } from '../../ui/bits.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Outcome } from '../../ui/outcome.tsx';
import { Problem } from '../../ui/problem.tsx';
import { exactly } from '../../ui/time.tsx';
import { Refusal } from './refusal.tsx';

type Explanation = Answer<'explainRequest'>;

const stepNames: Record<Explanation['steps'][number]['name'], string> = {
  judged: 'Judged',
  value_opened: 'Value opened',
  dialled: 'Dialled',
  tls: 'TLS',
  connected: 'Connected',
  first_byte: 'First byte',
  body: 'Body',
};

/** Why a request was swapped, passed on or refused, and how long each step took. */
export function ExplainDialog({ of, onClose }: { of: RequestRow; onClose: () => void }): JSX.Element {
  const { data, failure, reload } = useLoad(['explain', of.id], (signal) =>
    call('explainRequest', { params: { id: of.id }, signal }),
  );
  return (
    <Dialog title={`${of.method ?? 'Tripwire'} ${of.host}`} wide onClose={onClose}>
      <div class="stack tight">
        <p class="mono breaks">
          {of.host}
          {of.path}
        </p>
        <div class="row">
          <Outcome status={of.status} errorCode={of.error_code} />
          <span class="muted small">
            {exactly(of.ts)} · request {of.id}
          </span>
        </div>
      </div>
      <Problem failure={failure} retry={reload} />
      {data === undefined && failure === undefined && <Loading what="the explanation" />}
      {data !== undefined && <Explained of={data} />}
    </Dialog>
  );
}

function Explained({ of }: { of: Explanation }): JSX.Element {
  const { connection, network, refused } = of;
  // The refusal has a place of its own below.
  const told = of.text.filter((sentence) => refused === null || !sentence.startsWith(`${refused.code}:`));
  return (
    <div class="stack" data-first="" tabIndex={-1}>
      <ol class="story">
        {told.map((sentence, index) => (
          <li key={index}>{sentence}</li>
        ))}
      </ol>
      {refused !== null && <Refusal of={refused} />}
      <dl class="facts">
        {of.stand_ins.length > 0 && (
          <>
            <dt>Stand-ins</dt>
            <dd class="stack tight">
              {of.stand_ins.map(({ secret_id: id, secret_name: name, env_key: key, slot, swapped }) => (
                <span key={`${id} ${slot}`} class="row">
                  <strong>{name ?? 'a deleted secret'}</strong>
                  {key !== null && <code>{key}</code>}
                  <span class="muted">in {slot}</span>
                  <Tag tone={swapped ? 'ok' : 'bad'}>{swapped ? 'swapped' : 'not swapped'}</Tag>
                </span>
              ))}
            </dd>
          </>
        )}
        {network !== null && (
          <>
            <dt>Network rules</dt>
            <dd>
              {network.verdict}
              {network.rule === null ? ', no rule decided' : ` by ${network.rule}`}
            </dd>
          </>
        )}
        {connection !== null && (
          <>
            <dt>Dialled</dt>
            <dd>
              <code>
                {connection.address}:{connection.port}
              </code>
              {connection.reused && ', a connection that was open already'}
            </dd>
            <dt>TLS</dt>
            <dd>
              {[connection.tls ?? 'none', connection.alpn, connection.certificate_name]
                .filter((each) => each !== null)
                .join(' · ')}
            </dd>
          </>
        )}
        {of.scrubbed.length > 0 && (
          <>
            <dt>Taken out of the answer</dt>
            <dd>{of.scrubbed.map(({ place, count }) => `${count} × in the ${place}`).join(', ')}</dd>
          </>
        )}
      </dl>
      {of.steps.length > 0 && <Steps steps={of.steps} />}
      {of.detail === 'basic' && (
        <p class="muted small">It was recorded before steps and connection were put down, so less is known of it.</p>
      )}
    </div>
  );
}

/** One bar after the other, as the time went. */
function Steps({ steps }: Pick<Explanation, 'steps'>): JSX.Element {
  const total = Math.max(
    steps.reduce((sum, { ms }) => sum + ms, 0),
    0.01,
  );
  let before = 0;
  return (
    <div>
      <h3>Where the time went</h3>
      <ul class="steps">
        {steps.map(({ name, ms }) => {
          const from = before;
          before += ms;
          return (
            <li key={name}>
              <span>{stepNames[name]}</span>
              <svg aria-hidden="true" width="100%" height="10" preserveAspectRatio="none" viewBox="0 0 100 10">
                <rect class="track" width="100" height="10" />
                <rect class="part" x={(from / total) * 100} width={Math.max(0.6, (ms / total) * 100)} height="10" />
              </svg>
              <span class="ms">{ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms</span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
