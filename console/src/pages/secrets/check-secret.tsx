import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Answer } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { Tag } from '../../ui/bits.tsx';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Choices, TextField } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Refusal } from '../requests/refusal.tsx';
import type { SecretDetail } from './secret.tsx';

type Way = 'call' | 'dry';
type Test = Answer<'testSecret'>;
type Dry = Answer<'explainSecret'>;

/** Whether the key works, asked of its provider; or whether a request would be swapped, asked of nobody. */
export function CheckSecret({ secret, onClose }: { secret: SecretDetail; onClose: () => void }): JSX.Element {
  const [way, setWay] = useState<Way>('call');
  return (
    <Dialog title={`Test ${secret.name}`} wide onClose={onClose}>
      <Choices
        label="What to test"
        bare
        value={way}
        options={[
          ['call', 'Does the key work?'],
          ['dry', 'Would a request be swapped?'],
        ]}
        onInput={setWay}
      />
      {way === 'call' ? <RealCall secret={secret} /> : <DryRun secret={secret} />}
    </Dialog>
  );
}

function RealCall({ secret: { name, provider_shortcut: provider, hosts } }: { secret: SecretDetail }): JSX.Element {
  const [url, setUrl] = useState('');
  const [answer, setAnswer] = useState<Test>();
  const test = useAction(async () => {
    setAnswer(undefined);
    const body = url.trim() === '' ? {} : { url: url.trim() };
    const found = await call('testSecret', { params: { name }, body });
    setAnswer(found);
    return `Tested ${name}: ${verdicts[String(found.works)]?.[1] ?? 'nothing can be said'}.`;
  });
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void test.run();
      }}
    >
      <p class="muted">
        Makes one harmless call with the real value, from the server, as a sandbox would. The value is in no answer.
      </p>
      {provider === null && (
        <TextField
          label="URL"
          type="url"
          value={url}
          mono
          placeholder={`https://${hosts[0]?.replace('*.', 'www.') ?? 'api.example.com'}/`}
          onInput={setUrl}
          hint="A page that reads only, and that refuses wrong keys."
        />
      )}
      <div>
        <Button submit kind="primary" icon="flask" busy={test.busy} busyText="Calling…">
          Call {provider ?? 'it'}
        </Button>
      </div>
      <Problem failure={test.failure} />
      {answer !== undefined && (
        <div class="card stack tight" role="status">
          <div class="row">
            <Tag tone={verdicts[String(answer.works)]?.[0] ?? 'warn'} dot>
              {verdicts[String(answer.works)]?.[1]}
            </Tag>
            <span class="mono small breaks">
              {answer.method} {answer.host}
              {answer.path}
            </span>
          </div>
          <p>{answer.explanation}</p>
          <p class="muted small">
            {answer.status === null ? 'no answer' : `status ${answer.status}`}
            {answer.latency_ms !== null && `, ${answer.latency_ms} ms`}
          </p>
        </div>
      )}
    </form>
  );
}

const verdicts: Record<string, readonly ['ok' | 'bad' | 'warn', string]> = {
  true: ['ok', 'the key works'],
  false: ['bad', 'the key does not work'],
  unknown: ['warn', 'it cannot be told'],
};

function DryRun({ secret: { name, hosts } }: { secret: SecretDetail }): JSX.Element {
  const [url, setUrl] = useState(`https://${hosts[0]?.replace('*.', 'www.') ?? ''}/`);
  const [header, setHeader] = useState('Authorization: Bearer {{stand_in}}');
  const [answer, setAnswer] = useState<Dry>();
  const dry = useAction(async () => {
    setAnswer(undefined);
    const [field = '', ...rest] = header.split(':');
    const headers = header.trim() === '' ? {} : { [field.trim()]: rest.join(':').trim() };
    setAnswer(await call('explainSecret', { params: { name }, body: { method: 'GET', url, headers } }));
    return undefined;
  });
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void dry.run();
      }}
    >
      <TextField label="URL" type="url" value={url} mono onInput={setUrl} />
      <TextField
        label="Header"
        value={header}
        mono
        onInput={setHeader}
        hint={
          <>
            <code>{'{{stand_in}}'}</code> is where the program puts its variable. Nothing is sent.
          </>
        }
      />
      <div>
        <Button submit kind="primary" busy={dry.busy} busyText="Judging…">
          Judge it
        </Button>
      </div>
      <Problem failure={dry.failure} />
      {answer !== undefined && (
        <div class="card stack tight" role="status">
          <div>
            <Tag tone={answer.outcome === 'swapped' ? 'ok' : answer.outcome === 'refused' ? 'bad' : 'warn'} dot>
              {answer.outcome}
            </Tag>
          </div>
          <p>{answer.explanation}</p>
          {answer.would_send.map((line) => (
            <p key={line} class="mono sent">
              {line}
            </p>
          ))}
          {answer.refused !== null && <Refusal of={answer.refused} />}
        </div>
      )}
    </form>
  );
}
