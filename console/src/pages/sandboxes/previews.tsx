import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Answer } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { useLoad } from '../../state/load.ts';
import { Empty, Loading, Tag } from '../../ui/bits.tsx';
import { Button } from '../../ui/button.tsx';
import { Code } from '../../ui/copy.tsx';
import { ActionDialog, Dialog } from '../../ui/dialog.tsx';
import { Choices, TextField } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import type { SandboxDetail } from './sandbox.tsx';

type Port = Answer<'listPreviewPorts'>['ports'][number];
type Token = Answer<'createPreviewToken'>;

/** Ports of the sandbox that can be seen from outside. */
export function Previews({ sandbox }: { sandbox: SandboxDetail }): JSX.Element {
  const { id } = sandbox;
  const ports = useLoad(['previews', id], (signal) => call('listPreviewPorts', { params: { id }, signal }));
  const [publishing, setPublishing] = useState(false);
  const [token, setToken] = useState<Token>();
  const publish = (
    <Button kind="primary" icon="plus" onClick={() => setPublishing(true)}>
      Publish a port
    </Button>
  );
  return (
    <div class="stack">
      <Problem failure={ports.failure} retry={ports.reload} />
      {ports.data === undefined && ports.failure === undefined && <Loading what="published ports" />}
      {ports.data?.ports.length === 0 && (
        <Empty icon="link" title="No port is published">
          <p>Publish a port, and what listens on it in the sandbox is seen under an address of its own.</p>
          {publish}
        </Empty>
      )}
      {ports.data !== undefined && ports.data.ports.length > 0 && (
        <>
          <div class="row spread">
            <p class="muted">
              Each is served as <code>{`<port>-${id.slice(0, 8)}….<domain>`}</code> on the data-plane listener.
            </p>
            {publish}
          </div>
          <div class="card flush">
            <table class="plain-table">
              <thead>
                <tr>
                  <th scope="col">Port</th>
                  <th scope="col">Who may see it</th>
                  <th scope="col">
                    <span class="visually-hidden">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {ports.data.ports.map((port) => (
                  <PortRow key={port.port} sandboxId={id} port={port} onChanged={ports.reload} onToken={setToken} />
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
      {publishing && <Publish id={id} onChanged={ports.reload} onClose={() => setPublishing(false)} />}
      {token !== undefined && (
        <Dialog title={`Token for port ${token.port}`} onClose={() => setToken(undefined)}>
          <p class="muted">Send it as a header, or once as a query parameter in a link. It is shown this once.</p>
          <Code text={`${token.header}: ${token.token}`} what="the header" wrap />
          <Code text={`?${token.query_param}=${encodeURIComponent(token.token)}`} what="the query parameter" wrap />
        </Dialog>
      )}
    </div>
  );
}

function PortRow(props: {
  sandboxId: string;
  port: Port;
  onChanged: () => void;
  onToken: (token: Token) => void;
}): JSX.Element {
  const { sandboxId: id, port } = props;
  const token = useAction(async () => {
    props.onToken(await call('createPreviewToken', { params: { id, port: port.port }, body: {} }));
    return undefined;
  });
  const rotate = useAction(async () => {
    props.onToken(await call('rotatePreviewToken', { params: { id, port: port.port } }));
    return `The older tokens of port ${port.port} stopped working.`;
  });
  const close = useAction(async () => {
    await call('unpublishPreviewPort', { params: { id, port: port.port } });
    props.onChanged();
    return `Closed port ${port.port}.`;
  });
  return (
    <tr>
      <td>
        <code>{port.port}</code>
      </td>
      <td>
        <Tag tone={port.access === 'public' ? 'warn' : 'plain'}>{port.access}</Tag>
        <Problem failure={token.failure ?? rotate.failure ?? close.failure} />
      </td>
      <td>
        <div class="row at-end">
          <Button small busy={token.busy} onClick={() => void token.run()}>
            Token
          </Button>
          <Button small busy={rotate.busy} onClick={() => void rotate.run()}>
            Rotate
          </Button>
          <Button small kind="danger" busy={close.busy} onClick={() => void close.run()}>
            Close
          </Button>
        </div>
      </td>
    </tr>
  );
}

function Publish(props: { id: string; onChanged: () => void; onClose: () => void }): JSX.Element {
  const [port, setPort] = useState('3000');
  const [access, setAccess] = useState<Port['access']>('private');
  const publish = useAction(async () => {
    await call('publishPreviewPort', { params: { id: props.id }, body: { port: Number(port), access } });
    props.onChanged();
    return `Published port ${port}.`;
  });
  return (
    <ActionDialog title="Publish a port" action={publish} verb="Publish" busyText="Publishing…" onClose={props.onClose}>
      <TextField label="Port" type="number" value={port} first onInput={setPort} hint="1024 or above." />
      <Choices
        label="Who may see it"
        value={access}
        options={[
          ['private', 'Who has a token'],
          ['public', 'Everybody'],
        ]}
        onInput={setAccess}
      />
    </ActionDialog>
  );
}
