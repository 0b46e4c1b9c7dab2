import type { JSX } from 'preact';
import { call } from '../../api/call.ts';
import { useLoad } from '../../state/load.ts';
import { link } from '../../state/route.ts';
import { Empty, Loading } from '../../ui/bits.tsx';
import { ButtonLink } from '../../ui/button.tsx';
import { Code } from '../../ui/copy.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import { SandboxStatus } from '../sandboxes/sandbox-status.tsx';
import { suggestedVariable } from './secret-name.ts';

/** Who holds a stand-in for it. */
export function SecretSandboxes({ name }: { name: string }): JSX.Element {
  const bound = useLoad(['bound', name], (signal) => call('getSecretSandboxes', { params: { name }, signal }), {
    everyMs: 5000,
  });
  const start = (
    <ButtonLink kind="primary" icon="plus" href={`${link('sandboxes', 'new')}?secret=${encodeURIComponent(name)}`}>
      New sandbox with it
    </ButtonLink>
  );
  return (
    <div class="stack">
      <Problem failure={bound.failure} retry={bound.reload} />
      {bound.data === undefined && bound.failure === undefined && <Loading what="its sandboxes" />}
      {bound.data?.length === 0 && (
        <Empty icon="box" title="No sandbox holds a stand-in for it">
          <p>Start one with the secret in a variable, or run a single command:</p>
          <Code text={`standin run -s ${suggestedVariable(name)}=${name} -- my-program`} what="the command" />
          {start}
        </Empty>
      )}
      {bound.data !== undefined && bound.data.length > 0 && (
        <>
          <div class="row spread">
            <p class="muted">Each has a stand-in of its own in the variable.</p>
            {start}
          </div>
          <Table
            label="Sandboxes that it is bound to"
            rows={bound.data}
            rowKey={({ sandbox_id: id, env_key: key }) => `${id} ${key}`}
            columns={[
              {
                id: 'sandbox',
                title: 'Sandbox',
                width: 'minmax(0, 2fr)',
                narrow: 'main',
                cell: ({ sandbox_id: id, sandbox_name: sandbox }) => (
                  <span class="named">
                    <a class="clip" href={link('sandboxes', id, 'secrets')}>
                      {sandbox}
                    </a>
                  </span>
                ),
              },
              {
                id: 'key',
                title: 'Variable',
                width: 'minmax(0, 2fr)',
                narrow: 'sub',
                cell: ({ env_key: key }) => <code>{key}</code>,
              },
              {
                id: 'status',
                title: 'Status',
                width: '7rem',
                end: true,
                narrow: 'side',
                cell: (each) => <SandboxStatus of={each} />,
              },
            ]}
          />
        </>
      )}
    </div>
  );
}
