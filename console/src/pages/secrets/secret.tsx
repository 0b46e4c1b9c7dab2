import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { useLoad } from '../../state/load.ts';
import type { Answer } from '../../../../src/contract/operations.ts';
import { go, link } from '../../state/route.ts';
import { Loading, Mark, PageHead, Tabs } from '../../ui/bits.tsx';
import { Button } from '../../ui/button.tsx';
import { Choices } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Ago } from '../../ui/time.tsx';
import { RequestsTable } from '../requests/requests-table.tsx';
import { DeleteSecret, RotateSecret } from './change-secret.tsx';
import { CheckSecret } from './check-secret.tsx';
import { HeaderPreview } from './header-preview.tsx';
import { hostRulesOf } from './rule.ts';
import { SecretSandboxes } from './secret-sandboxes.tsx';
import { SecretTimeline } from './secret-timeline.tsx';

export type SecretDetail = Answer<'getSecret'>;

const tabs = [
  ['audit', 'Audit'],
  ['sandboxes', 'Sandboxes'],
  ['timeline', 'Timeline'],
  ['rule', 'Rule'],
] as const;

type Asked = 'rotate' | 'delete' | 'check';

/** One secret: what was done with it, who holds stand-ins for it, how it is sent. */
export function Secret({ name, tab = 'audit' }: { name: string; tab?: string }): JSX.Element {
  const found = useLoad(['secret', name], (signal) => call('getSecret', { params: { name }, signal }));
  const [asked, setAsked] = useState<Asked>();
  const close = () => setAsked(undefined);
  const secret = found.data;
  if (secret === undefined) {
    return (
      <>
        <PageHead title={name} from={['Secrets', 'secrets']} />
        {found.failure === undefined ? (
          <Loading what="the secret" />
        ) : (
          <Problem failure={found.failure} retry={found.reload} />
        )}
      </>
    );
  }
  return (
    <>
      <PageHead
        title={name}
        from={['Secrets', 'secrets']}
        mark={<Mark name={secret.provider_shortcut ?? name} />}
        about={
          <>
            <span class="mono">{secret.hosts.join(', ')}</span>
            {' · last used '}
            <Ago at={secret.last_used_at} />
          </>
        }
      >
        <Button icon="flask" onClick={() => setAsked('check')}>
          Test
        </Button>
        <Button icon="rotate" onClick={() => setAsked('rotate')}>
          Rotate
        </Button>
        <Button icon="trash" kind="danger" onClick={() => setAsked('delete')}>
          Delete
        </Button>
      </PageHead>
      <Tabs
        label="Parts of the secret"
        current={tab}
        tabs={tabs.map(([id, title]) => ({ id, title, href: link('secrets', name, id) }))}
      />
      <Problem failure={found.failure} retry={found.reload} />
      {tab === 'audit' && <RequestsTable secret={name} />}
      {tab === 'sandboxes' && <SecretSandboxes name={name} />}
      {tab === 'timeline' && <SecretTimeline secret={secret} />}
      {tab === 'rule' && <Rule secret={secret} onChanged={found.reload} />}
      {asked === 'rotate' && <RotateSecret name={name} onDone={found.reload} onClose={close} />}
      {asked === 'delete' && <DeleteSecret name={name} onDone={() => go('secrets')} onClose={close} />}
      {asked === 'check' && <CheckSecret secret={secret} onClose={close} />}
    </>
  );
}

function Rule({ secret, onChanged }: { secret: SecretDetail; onChanged: () => void }): JSX.Element {
  const { name } = secret;
  const change = useAction(async (onTripwire: SecretDetail['on_tripwire']) => {
    await call('rotateSecret', { params: { name }, body: { on_tripwire: onTripwire } });
    onChanged();
    return onTripwire === 'revoke'
      ? 'From now on a stand-in seen out of place is detached at once.'
      : 'From now on a stand-in seen out of place is told of.';
  });
  return (
    <div class="stack loose form">
      <section class="stack tight">
        <h2>What the upstream gets</h2>
        <HeaderPreview rules={hostRulesOf(secret.auth_config, secret.hosts)} />
        <p class="muted small">Rule and hosts do not change. For others, store another secret.</p>
      </section>
      <section class="stack tight">
        <h2>When its stand-in is seen where it must not be</h2>
        <Choices
          label="When its stand-in is seen where it must not be"
          bare
          value={secret.on_tripwire}
          options={[
            ['alert', 'Tell the team'],
            ['revoke', 'Detach it at once'],
          ]}
          onInput={(onTripwire) => void change.run(onTripwire)}
        />
        <Problem failure={change.failure} />
      </section>
    </div>
  );
}
