import type { JSX } from 'preact';
import { call } from '../../api/call.ts';
import { useLoad } from '../../state/load.ts';
import { Loading, Tag, plural } from '../../ui/bits.tsx';
import { Problem } from '../../ui/problem.tsx';
import { TimeChart } from '../../ui/time-chart.tsx';
import { Ago, exactly } from '../../ui/time.tsx';
import type { SecretDetail } from './secret.tsx';

const stepMs = 6 * 3600 * 1000;

/** Its uses over a week with the moments at which the value changed, and every version there was. */
export function SecretTimeline({ secret }: { secret: SecretDetail }): JSX.Element {
  const { name } = secret;
  const versions = useLoad(['versions', name], (signal) => call('listSecretVersions', { params: { name }, signal }));
  const usage = useLoad(['usage', name], async (signal) => {
    const found = await call('listSecretUsage', { query: { window: '7d', search: name, limit: 200 }, signal });
    return found.find((each) => each.name === name) ?? null;
  });
  const buckets = usage.data?.buckets ?? [];
  // The last one is the present one; they begin at whole steps.
  const last = Math.floor(Date.now() / stepMs) * stepMs;
  const times = buckets.map((_count, index) => last - (buckets.length - 1 - index) * stepMs);
  return (
    <div class="stack loose">
      <Problem failure={usage.failure ?? versions.failure} retry={usage.reload} />
      {usage.data === undefined && usage.failure === undefined && <Loading what="its uses" />}
      {usage.data !== undefined && (
        <TimeChart
          title="Uses in 7 days"
          unit="uses in six hours"
          headline={plural(usage.data?.uses ?? 0, 'use')}
          times={times}
          shape="bars"
          series={[{ name: 'Uses', tone: 's1', values: buckets }]}
          marks={(versions.data ?? []).map(({ version, created_at: at }) => ({
            at: Date.parse(at),
            label: version === 1 ? 'stored' : `version ${version}`,
          }))}
          format={(value) => String(Math.round(value * 10) / 10)}
        />
      )}
      <section class="stack tight">
        <h2>Versions</h2>
        {versions.data === undefined && versions.failure === undefined && <Loading what="versions" />}
        <ol class="timeline">
          {versions.data?.map(({ version, created_at: at, retired_at: retired }) => (
            <li key={version} class={retired === null ? 'now' : ''}>
              <div class="row">
                <strong>Version {version}</strong>
                {retired === null && <Tag tone="ok">in use</Tag>}
              </div>
              <p class="muted">
                {version === 1 ? 'Stored' : 'Rotated'} <Ago at={at} />, {exactly(at)}
              </p>
              {retired !== null && (
                <p class="muted">
                  Erased <Ago at={retired} />
                </p>
              )}
            </li>
          ))}
        </ol>
      </section>
    </div>
  );
}
