import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { catalogue } from '../../../src/vault/providers/catalogue.ts';
import type { Probe } from '../../../src/vault/providers/probe.ts';
import { bearer, provider } from '../../../src/vault/providers/provider.ts';
import { token } from '../../../src/vault/providers/token-shape.ts';

describe('the harmless calls of the catalogue', () => {
  for (const { name, rules, source, probe } of catalogue.values()) {
    it(`${name} has a page of its vendor, and a call that fits its rules or a reason for none`, () => {
      assert.equal(new URL(source).protocol, 'https:');
      if ('none' in probe) {
        assert.ok(probe.none.length > 10);
        return;
      }
      assert.ok(probe.hosts.length > 0);
      for (const host of probe.hosts) {
        const rule = rules.find(({ hosts }) => hosts.includes(host));
        assert.ok(rule, `${host} is not one of its hosts`);
        const keepsTheClientsName = rule.auth.type === 'basic' && rule.auth.username === undefined;
        assert.equal(probe.user !== null, keepsTheClientsName, 'a user name is given where the rule has none');
        const header = rule.auth.type === 'api-key' ? rule.auth.header : 'Authorization';
        assert.ok(!Object.keys(probe.headers).some((each) => each.toLowerCase() === header.toLowerCase()));
      }
      assert.equal(new URL(probe.path, 'https://host').href, `https://host${probe.path}`);
      assert.equal(probe.body !== null, probe.method === 'POST');
      if (probe.body !== null) assert.doesNotThrow(() => JSON.parse(probe.body ?? ''));
      statusesAreTold(probe);
    });
  }

  it('all but those that have none do not change anything: a GET, or a POST that only asks', () => {
    const posts = [...catalogue.values()].flatMap(({ name, probe }) =>
      'none' in probe || probe.method === 'GET' ? [] : [`${name} ${probe.path}`],
    );
    assert.deepEqual(posts, [
      'cohere /v1/check-api-key',
      'dropbox /2/check/user',
      'linear /graphql',
      'newrelic /graphql',
      'slack /api/auth.test',
      'wandb /graphql',
    ]);
    const none = [...catalogue.values()].flatMap(({ name, probe }) => ('none' in probe ? [name] : []));
    assert.deepEqual(none, ['brave', 'nvidia', 'pypi']);
  });

  it('where accounts live in regions, each region is asked', () => {
    for (const name of ['datadog', 'intercom', 'langfuse', 'langsmith', 'newrelic', 'posthog', 'sendgrid']) {
      const row = catalogue.get(name);
      assert.ok(row !== undefined && !('none' in row.probe), name);
      assert.deepEqual(row.probe.hosts, row.rules[0]?.hosts, name);
    }
  });

  it('the account of HCP Terraform is there for every kind of token: not found says nothing of a key', () => {
    const probe = catalogue.get('terraform')?.probe;
    assert.ok(probe !== undefined && !('none' in probe));
    assert.ok(![...probe.works, ...probe.limited].includes(404));
  });

  it('what a row leaves out is the usual: GET at its first host, 200 works and 401 does not', () => {
    const row = provider('x', 'X', {
      hosts: ['a.example.com', 'b.example.com'],
      auth: bearer,
      tokens: [token('x_', 40)],
      source: 'https://example.com/',
      probe: { path: '/me' },
    });
    assert.deepEqual(row.probe, {
      method: 'GET',
      hosts: ['a.example.com'],
      path: '/me',
      headers: {},
      body: null,
      user: null,
      works: [200],
      limited: [],
      refused: [401],
      answerHas: null,
      notFor: [],
    });
  });
});

function statusesAreTold({ works, limited, refused }: Probe): void {
  const all = [...works, ...limited, ...refused];
  assert.equal(new Set(all).size, all.length, 'no status says two things');
  assert.ok(works.length > 0 && works.every((status) => status >= 200 && status < 300));
  assert.ok(refused.length > 0 && [...limited, ...refused].every((status) => status >= 400 && status < 500));
}
