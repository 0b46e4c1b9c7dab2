import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { useLoad } from '../../state/load.ts';
import { go, link, place } from '../../state/route.ts';
import { Loading, PageHead } from '../../ui/bits.tsx';
import { Button, ButtonLink } from '../../ui/button.tsx';
import { Choices, TextField } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import { SecretField } from '../../ui/secret-field.tsx';
import type { SecretInput } from '../../ui/secret-field.tsx';
import { HeaderPreview } from './header-preview.tsx';
import { ProviderPicker } from './provider-picker.tsx';
import type { Provider } from './provider-picker.tsx';
import { RuleEditor } from './rule-editor.tsx';
import { authOf, emptyRule, headersOf, hostRulesOf } from './rule.ts';
import type { HostRule, RuleDraft } from './rule.ts';
import { namePattern, nameRule, suggestedName } from './secret-name.ts';

type Way = 'provider' | 'rule';

interface Draft {
  way: Way;
  provider: string;
  rule: RuleDraft;
  hosts: string;
  name: string;
  onTripwire: 'alert' | 'revoke';
}

/** A credential to store: which, for whom, how it is sent, and a preview of just that. */
export function NewSecret(): JSX.Element {
  const providers = useLoad(['providers'], (signal) => call('listProviders', { signal }));
  const wanted = place.value.query.get('provider') ?? '';
  const [draft, setDraft] = useState<Draft>({
    way: 'provider',
    provider: wanted,
    rule: emptyRule,
    hosts: '',
    name: wanted === '' ? '' : suggestedName(wanted),
    onTripwire: 'alert',
  });
  const [wrong, setWrong] = useState<Partial<Record<'name' | 'value' | 'hosts' | 'provider', string>>>({});
  const value = useRef<SecretInput>(null);
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  const provider = providers.data?.find(({ name }) => name === draft.provider);
  const hosts = hostsOf(draft.hosts);

  const store = useAction(async () => {
    const { name } = await call('createSecret', {
      body: {
        name: draft.name,
        value: value.current?.take() ?? '',
        on_tripwire: draft.onTripwire,
        ...(draft.way === 'provider' ? { provider: draft.provider } : { auth: authOf(draft.rule), hosts }),
      },
    });
    go('secrets', name, 'sandboxes');
    return `Stored ${name}. Bind it to a sandbox to use it.`;
  });

  const submit = () => {
    const problems = problemsOf(draft, { hosts, noValue: value.current?.isEmpty() ?? true });
    setWrong(problems);
    if (Object.keys(problems).length === 0) void store.run();
    else if (problems.value !== undefined && Object.keys(problems).length === 1) value.current?.focus();
  };

  return (
    <>
      <PageHead
        title="New secret"
        from={['Secrets', 'secrets']}
        about="The value is encrypted at once and never shown again. Sandboxes get a stand-in for it."
      />
      <form
        class="columns"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <div class="stack loose">
          <Choices
            label="Where does it go?"
            value={draft.way}
            options={[
              ['provider', 'A provider'],
              ['rule', 'Own rule'],
            ]}
            onInput={(way) => set({ way })}
          />
          {draft.way === 'provider' ? (
            <>
              {providers.data === undefined ? (
                ((providers.failure && <Problem failure={providers.failure} retry={providers.reload} />) ?? (
                  <Loading what="the catalogue" />
                ))
              ) : (
                <ProviderPicker
                  providers={providers.data}
                  chosen={draft.provider}
                  onChoose={(name) => set({ provider: name, name: draft.name || suggestedName(name) })}
                />
              )}
              {wrong.provider !== undefined && <p role="alert">{wrong.provider}</p>}
            </>
          ) : (
            <>
              <TextField
                label="Hosts"
                value={draft.hosts}
                mono
                required
                placeholder="api.example.com, *.example.org"
                wrong={wrong.hosts}
                onInput={(text) => set({ hosts: text })}
                hint="Up to 16, with commas between them. The value goes to these and nowhere else; *. stands for exactly one label."
              />
              <RuleEditor draft={draft.rule} onChange={(rule) => set({ rule })} />
            </>
          )}
          <TextField
            label="Name"
            value={draft.name}
            mono
            required
            placeholder="anthropic-prod"
            wrong={wrong.name}
            onInput={(name) => set({ name })}
            hint={nameRule}
          />
          <SecretField
            label="Value"
            handle={value}
            wrong={wrong.value}
            hint={
              provider === undefined
                ? 'Typed here, sent once, kept nowhere in this page.'
                : `Its keys look like ${provider.token_shape}`
            }
          />
          <Choices
            label="When its stand-in is seen where it must not be"
            value={draft.onTripwire}
            options={[
              ['alert', 'Tell the team'],
              ['revoke', 'Detach it at once'],
            ]}
            onInput={(onTripwire) => set({ onTripwire })}
          />
          <Problem failure={store.failure} />
          <div class="row">
            <Button submit kind="primary" busy={store.busy} busyText="Storing…">
              Store secret
            </Button>
            <ButtonLink href={link('secrets')} kind="quiet">
              Cancel
            </ButtonLink>
          </div>
        </div>
        <aside class="card" aria-label="Preview">
          <h2>What the upstream gets</h2>
          <div aria-live="polite">
            <Preview draft={draft} provider={provider} hosts={hosts} />
          </div>
        </aside>
      </form>
    </>
  );
}

function Preview(props: { draft: Draft; provider: Provider | undefined; hosts: string[] }): JSX.Element {
  const { draft, provider, hosts } = props;
  if (draft.way === 'provider' && provider === undefined) {
    return <p class="muted">Choose a provider, and the header that is sent shows here.</p>;
  }
  const rules: HostRule[] =
    provider !== undefined && draft.way === 'provider'
      ? hostRulesOf(provider.auth_config, provider.hosts)
      : [{ hosts, headers: headersOf(authOf(draft.rule)) }];
  return (
    <div class="stack">
      <HeaderPreview rules={rules} />
      <p class="muted small">
        Only where the request carries the stand-in in this place. To any other host, or anywhere else in the request,
        nothing is sent and the try is recorded.
      </p>
    </div>
  );
}

function hostsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

function problemsOf(draft: Draft, given: { hosts: string[]; noValue: boolean }) {
  return {
    ...(namePattern.test(draft.name) ? {} : { name: `Give it a name: ${nameRule}` }),
    ...(given.noValue ? { value: 'Type or paste the value.' } : {}),
    ...(draft.way === 'rule' && given.hosts.length === 0 ? { hosts: 'Say at least one host.' } : {}),
    ...(draft.way === 'provider' && draft.provider === '' ? { provider: 'Choose a provider.' } : {}),
  };
}
