import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  checkCompose,
  checkDockerfile,
  checkKubernetes,
  checkShell,
  renderChart,
  withoutCheckers,
} from '../../support/checkers.ts';
import { runProgram, skipWithout } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const chart = join(root, 'deploy/helm/standin');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

describe('what is deployed with containers', { skip: withoutCheckers }, () => {
  it('the Dockerfile has no finding of hadolint, and ends as a user without rights', async () => {
    const dockerfile = read('deploy/docker/Dockerfile');
    assert.equal(await checkDockerfile(dockerfile), '');
    assert.match(dockerfile, /^USER 10001:10001$/m);
    assert.match(dockerfile, /^HEALTHCHECK /m);
  });

  it('the image gets only what the build needs', () => {
    assert.match(read('.dockerignore'), /^\*\*\n/);
    assert.doesNotMatch(read('.dockerignore'), /^!(?:\.git|\.ci|test|bench)/m);
  });

  it('Compose reads its file', async () => {
    const beside = { 'standin.conf': '', 'database-password': '' };
    assert.equal(await checkCompose(read('deploy/docker/compose.yaml'), beside), '');
  });

  it('the sandboxes of Compose are in a network without a way out', () => {
    assert.match(read('deploy/docker/compose.yaml'), /\n {2}sandboxes:\n {4}internal: true\n/);
  });
});

describe('the chart', { skip: withoutCheckers }, () => {
  const variants: Record<string, object> = {
    'as it comes': {},
    'with several servers and keys of the operator': {
      replicas: 3,
      database: { existingSecret: 'database' },
      keys: { existingSecret: 'keys' },
      bootstrap: { existingSecret: 'first' },
      settings: { STANDIN_LOG_LEVEL: 'warn', STANDIN_MAX_SANDBOXES: 10 },
      persistence: { storageClass: 'fast' },
      networkPolicy: { sandboxNamespaceLabels: { team: 'agents' } },
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'a', operator: 'Exists' }],
    },
    'without policies': { networkPolicy: { enabled: false } },
  };
  for (const [how, values] of Object.entries(variants)) {
    it(`${how} has no finding of Helm's linter, and its objects fit their schemas`, async () => {
      const { found, objects } = await renderChart(chart, values);
      assert.equal(found, '');
      assert.match(objects, /kind: StatefulSet/);
      assert.equal(/kind: NetworkPolicy/.test(objects), how !== 'without policies');
      assert.equal(await checkKubernetes(objects), '');
    });
  }

  it('leaves a sandbox the proxy and nothing else', async () => {
    const { objects } = await renderChart(chart, {});
    const policy = objects.split('\n---\n').find((each) => each.includes('name: standin-sandboxes')) ?? '';
    assert.match(policy, /policyTypes: \[Ingress, Egress\]\n {2}ingress: \[\]\n/);
    assert.deepEqual(policy.match(/- port: .*/g), ['- port: proxy']);
  });

  it('puts secrets in by reference, never as a value', async () => {
    const { objects } = await renderChart(chart, variants['with several servers and keys of the operator'] ?? {});
    assert.match(objects, /name: STANDIN_DATABASE_URL\n\s+valueFrom:\n\s+secretKeyRef:/);
    assert.match(objects, /name: STANDIN_BOOTSTRAP_API_KEY\n\s+valueFrom:\n\s+secretKeyRef:/);
  });

  const refused: [string, object, RegExp][] = [
    ['several servers that share nothing', { replicas: 2 }, /existingSecret/],
    ['a value that it does not know', { replica: 2 }, /replica/],
    ['a setting that is none', { settings: { PATH: '/x' } }, /PATH|settings/],
  ];
  for (const [what, values, why] of refused) {
    it(`refuses ${what}`, async () => assert.match((await renderChart(chart, values)).found, why));
  }

  it('has the version of the package', () => {
    const { version }: { version: string } = JSON.parse(read('package.json'));
    assert.match(
      read('deploy/helm/standin/Chart.yaml'),
      new RegExp(`^version: ${version}\nappVersion: ${version}$`, 'm'),
    );
  });
});

describe('the systemd unit', { skip: skipWithout('systemd-analyze') }, () => {
  /** The unit alone, or with the drop-in for servers without sandboxes, as systemd finds it; its program is there. */
  async function analyze(arguments_: string[], dropIn: boolean): Promise<{ code: number | null; output: string }> {
    const directory = temporaryDirectory('unit');
    try {
      const unit = join(directory.path, 'standin.service');
      const program = join(root, 'bin/standin');
      writeFileSync(unit, read('deploy/systemd/standin.service').replace('/opt/standin/bin/standin', program));
      if (dropIn) {
        mkdirSync(`${unit}.d`);
        copyFileSync(join(root, 'deploy/systemd/standin.service.d/external.conf'), join(`${unit}.d`, 'external.conf'));
      }
      const { code, stdout, stderr } = await runProgram('systemd-analyze', [...arguments_, unit]);
      return { code, output: `${stdout}${stderr}` };
    } finally {
      directory.remove();
    }
  }

  for (const dropIn of [false, true]) {
    const name = dropIn ? 'with external.conf' : 'alone';
    it(`${name} is taken by systemd-analyze verify`, async () => {
      const { code, output } = await analyze(['verify', '--recursive-errors=no'], dropIn);
      assert.deepEqual([code, output.split('\n').filter((line) => line.includes('standin.service:'))], [0, []]);
    });
  }

  it('without sandboxes is exposed less than 2 of 10, with them less than 7', async () => {
    const exposure = async (dropIn: boolean) => {
      const { output } = await analyze(['security', '--offline=yes', '--no-pager'], dropIn);
      return Number(/Overall exposure level for standin\.service: ([\d.]+)/.exec(output)?.[1]);
    };
    assert.ok((await exposure(true)) < 2);
    assert.ok((await exposure(false)) < 7);
  });

  it('leaves sandboxes to outlive the server, where it runs any', () => {
    const unit = read('deploy/systemd/standin.service');
    assert.match(unit, /^KillMode=process$/m);
    assert.match(unit, /^Delegate=yes$/m);
    // bwrap sets the sandbox's host name, and mounts a /proc of its own, which a kernel refuses where ours is masked.
    assert.doesNotMatch(unit, /^(?:ProtectHostname|ProtectKernelTunables|ProtectProc|RestrictNamespaces)=/m);
  });
});

describe('scripts', { skip: withoutCheckers }, () => {
  for (const path of ['scripts/install.sh', 'scripts/setup', 'bin/standin', '.ci/run']) {
    it(`${path} has no finding of ShellCheck`, async () => {
      // Names of packages with a hyphen; a list of packages that is split on purpose.
      assert.equal(await checkShell(read(path), ['SC2100', 'SC2086']), '');
    });
  }
});
