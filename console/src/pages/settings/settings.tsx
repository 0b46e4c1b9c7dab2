import type { JSX } from 'preact';
import { link } from '../../state/route.ts';
import { PageHead, Tabs } from '../../ui/bits.tsx';
import { ApiKeys } from './api-keys.tsx';
import { Certificate } from './certificate.tsx';
import { ConfigTable } from './config-table.tsx';
import { Webhooks } from './webhooks.tsx';

const tabs = [
  ['keys', 'API keys'],
  ['certificate', 'Certificate'],
  ['webhooks', 'Webhooks'],
  ['config', 'Configuration'],
] as const;

export function Settings({ tab = 'keys' }: { tab?: string }): JSX.Element {
  return (
    <>
      <PageHead title="Settings" />
      <Tabs
        label="Parts of the settings"
        current={tab}
        tabs={tabs.map(([id, title]) => ({ id, title, href: link('settings', id) }))}
      />
      {tab === 'keys' && <ApiKeys />}
      {tab === 'certificate' && <Certificate />}
      {tab === 'webhooks' && <Webhooks />}
      {tab === 'config' && <ConfigTable />}
    </>
  );
}
