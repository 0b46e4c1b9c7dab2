import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Answer } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { useLoad } from '../../state/load.ts';
import { go, link } from '../../state/route.ts';
import { Loading, PageHead, Tabs } from '../../ui/bits.tsx';
import { Button } from '../../ui/button.tsx';
import { ActionDialog } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Ago } from '../../ui/time.tsx';
import { Connect } from './connect.tsx';
import { Files } from './files.tsx';
import { NetworkLog } from './network-log.tsx';
import { Previews } from './previews.tsx';
import { SandboxSecrets } from './sandbox-secrets.tsx';
import { SandboxStatus } from './sandbox-status.tsx';
import { SandboxTerminal } from './terminal.tsx';

export type SandboxDetail = Answer<'getSandbox'>;

const refreshMs = 5000;

const tabs = [
  ['network', 'Network'],
  ['terminal', 'Terminal'],
  ['files', 'Files'],
  ['secrets', 'Secrets'],
  ['previews', 'Previews'],
  ['connect', 'Connect'],
] as const;

/** What needs a sandbox that the server itself runs. */
const needsDriver: ReadonlySet<string> = new Set(['terminal', 'files', 'previews']);

export function Sandbox({ id, tab = 'network' }: { id: string; tab?: string }): JSX.Element {
  const found = useLoad(['sandbox', id], (signal) => call('getSandbox', { params: { id }, signal }), {
    everyMs: refreshMs,
  });
  const sandbox = found.data;
  if (sandbox === undefined) {
    return (
      <>
        <PageHead title="Sandbox" from={['Sandboxes', 'sandboxes']} />
        {found.failure === undefined ? (
          <Loading what="the sandbox" />
        ) : (
          <Problem failure={found.failure} retry={found.reload} />
        )}
      </>
    );
  }
  const own = sandbox.driver !== 'external';
  return (
    <>
      <PageHead
        title={sandbox.name}
        from={['Sandboxes', 'sandboxes']}
        about={
          <span class="row">
            <SandboxStatus of={sandbox} />
            <span>
              {own ? `${sandbox.driver}, ${sandbox.vcpu_count} CPU, ${sandbox.memory_mib} MiB` : 'runs elsewhere'}
            </span>
            <span>
              created <Ago at={sandbox.created_at} />
            </span>
          </span>
        }
      >
        <Lifecycle sandbox={sandbox} onChanged={found.reload} />
      </PageHead>
      <Tabs
        label="Parts of the sandbox"
        current={tab}
        tabs={tabs
          .filter(([name]) => own || !needsDriver.has(name))
          .map(([name, title]) => ({
            id: name,
            title,
            href: link('sandboxes', id, name),
            count: name === 'secrets' ? sandbox.secrets.length : undefined,
          }))}
      />
      <Problem failure={found.failure} retry={found.reload} />
      {tab === 'network' && <NetworkLog sandbox={sandbox} />}
      {tab === 'terminal' && <SandboxTerminal sandbox={sandbox} />}
      {tab === 'files' && <Files sandbox={sandbox} />}
      {tab === 'secrets' && <SandboxSecrets sandbox={sandbox} onChanged={found.reload} />}
      {tab === 'previews' && <Previews sandbox={sandbox} />}
      {tab === 'connect' && <Connect sandbox={sandbox} />}
    </>
  );
}

function Lifecycle({ sandbox, onChanged }: { sandbox: SandboxDetail; onChanged: () => void }): JSX.Element {
  const { id, name, status } = sandbox;
  const [deleting, setDeleting] = useState(false);
  const pause = useAction(async () => {
    await call('pauseSandbox', { params: { id } });
    onChanged();
    return `Paused ${name}: every process stands still.`;
  });
  const resume = useAction(async () => {
    await call('resumeSandbox', { params: { id } });
    onChanged();
    return `Resumed ${name}.`;
  });
  const remove = useAction(async () => {
    await call('deleteSandbox', { params: { id } });
    go('sandboxes');
    return `Deleted ${name}.`;
  });
  return (
    <>
      {sandbox.driver !== 'external' && status === 'active' && (
        <Button icon="pause" busy={pause.busy} busyText="Pausing…" onClick={() => void pause.run()}>
          Pause
        </Button>
      )}
      {status === 'paused' && (
        <Button icon="play" kind="primary" busy={resume.busy} busyText="Resuming…" onClick={() => void resume.run()}>
          Resume
        </Button>
      )}
      <Button icon="trash" kind="danger" onClick={() => setDeleting(true)}>
        Delete
      </Button>
      <Problem failure={pause.failure ?? resume.failure} />
      {deleting && (
        <ActionDialog
          title={`Delete ${name}?`}
          action={remove}
          verb="Delete sandbox"
          busyText="Deleting…"
          danger
          onClose={() => setDeleting(false)}
        >
          <p>Its processes end, its files are gone, and its stand-ins and tokens stop working at once.</p>
          <p class="muted">What it sent stays in the audit trail of the secrets that it used.</p>
        </ActionDialog>
      )}
    </>
  );
}
