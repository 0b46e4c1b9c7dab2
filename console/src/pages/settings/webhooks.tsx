import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Answer } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { useLoad } from '../../state/load.ts';
import { Loading, Tag } from '../../ui/bits.tsx';
import { Button } from '../../ui/button.tsx';
import { Code } from '../../ui/copy.tsx';
import { ActionDialog, Dialog } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Ago } from '../../ui/time.tsx';

type Webhook = Answer<'listWebhooks'>[number];

/** Where the team is told that a stand-in was seen out of place. */
export function Webhooks(): JSX.Element {
  const hooks = useLoad(['webhooks'], (signal) => call('listWebhooks', { signal }));
  const [creating, setCreating] = useState(false);
  const [secret, setSecret] = useState<string>();
  return (
    <section class="stack" aria-labelledby="webhooks">
      <div class="row spread">
        <div>
          <h2 id="webhooks">Webhooks</h2>
          <p class="muted">Told at once when a stand-in is seen where it must not be.</p>
        </div>
        <Button icon="plus" kind="primary" onClick={() => setCreating(true)}>
          New webhook
        </Button>
      </div>
      <Problem failure={hooks.failure} retry={hooks.reload} />
      {hooks.data === undefined && hooks.failure === undefined && <Loading what="webhooks" />}
      {hooks.data?.length === 0 && (
        <p class="muted">None yet. Add the URL of a chat’s incoming webhook or of your own alerting.</p>
      )}
      {hooks.data !== undefined && hooks.data.length > 0 && (
        <div class="card flush">
          <table class="plain-table">
            <thead>
              <tr>
                <th scope="col">URL</th>
                <th scope="col" class="wide-only">
                  Events
                </th>
                <th scope="col" class="wide-only">
                  Created
                </th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {hooks.data.map((hook) => (
                <HookRow key={hook.id} hook={hook} onChanged={hooks.reload} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {creating && <CreateWebhook onMade={setSecret} onChanged={hooks.reload} onClose={() => setCreating(false)} />}
      {secret !== undefined && (
        <Dialog title="Its signing secret" onClose={() => setSecret(undefined)}>
          <p class="warning">Copy it now: the receiver checks signatures with it, and it is not shown again.</p>
          <Code text={secret} what="the signing secret" wrap />
        </Dialog>
      )}
    </section>
  );
}

function HookRow({ hook, onChanged }: { hook: Webhook; onChanged: () => void }): JSX.Element {
  const test = useAction(async () => {
    await call('testWebhook', { params: { id: hook.id } });
    return 'A test event is on its way.';
  });
  const remove = useAction(async () => {
    await call('deleteWebhook', { params: { id: hook.id } });
    onChanged();
    return 'Deleted the webhook; what waited for it was dropped.';
  });
  return (
    <tr>
      <td>
        <code>{hook.url}</code>
        <Problem failure={test.failure ?? remove.failure} />
      </td>
      <td class="wide-only">
        {hook.events.map((event) => (
          <Tag key={event}>{event}</Tag>
        ))}
      </td>
      <td class="wide-only">
        <Ago at={hook.created_at} />
      </td>
      <td>
        <div class="row at-end">
          <Button small busy={test.busy} busyText="Sending…" onClick={() => void test.run()}>
            Test
          </Button>
          <Button small kind="danger" busy={remove.busy} busyText="Deleting…" onClick={() => void remove.run()}>
            Delete
          </Button>
        </div>
      </td>
    </tr>
  );
}

function CreateWebhook(props: {
  onMade: (secret: string) => void;
  onChanged: () => void;
  onClose: () => void;
}): JSX.Element {
  const [url, setUrl] = useState('');
  const create = useAction(async () => {
    const { secret } = await call('createWebhook', { body: { url, events: ['tripwire'] } });
    props.onMade(secret);
    props.onChanged();
    return 'Made the webhook.';
  });
  return (
    <ActionDialog title="New webhook" action={create} verb="Make webhook" busyText="Making…" onClose={props.onClose}>
      <TextField
        label="URL"
        type="url"
        value={url}
        mono
        first
        placeholder="https://alerts.example.com/standin"
        onInput={setUrl}
        hint="https, at a public address. Each event is signed as Standard Webhooks has it."
      />
    </ActionDialog>
  );
}
