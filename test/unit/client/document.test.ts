import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Commands } from '../../../src/client/library/commands.ts';
import { Previews } from '../../../src/client/library/previews.ts';
import { Files } from '../../../src/client/library/sandbox-files.ts';
import { Provider, Requests, Sandbox, Secret } from '../../../src/client/library.ts';
import type { FromWire } from '../../../src/client/library/wire.ts';
import { fromWire } from '../../../src/client/library/wire.ts';
import type { RequestEvent, RequestExplanation, SecretTest } from '../../../src/client/library.ts';
import type { SandboxInfo, SecretInfo, ProxyAuditEvent, NetworkEvent } from '../../../src/client/library.ts';
import type { Answer } from '../../../src/contract/operations.ts';

const examples = [
  ...readFileSync(fileURLToPath(new URL('../../../docs/client.md', import.meta.url)), 'utf8').matchAll(
    /^```ts\n([^]*?)^```/gm,
  ),
]
  .map(([, code]) => code)
  .join('\n');

test('the document has an example of every method', () => {
  const places: [string, object][] = [
    ['Sandbox.', Sandbox],
    ['Secret.', Secret],
    ['Provider.', Provider],
    ['Requests.', Requests],
    ['.', Sandbox.prototype],
    ['.', Secret.prototype],
    ['.commands.', Commands.prototype],
    ['.files.', Files.prototype],
    ['.previews.', Previews.prototype],
  ];
  const methods = places.flatMap(([prefix, holder]) =>
    Object.getOwnPropertyNames(holder)
      .filter((name) => !['constructor', 'prototype', 'length', 'name'].includes(name))
      .map((name) => prefix + name),
  );
  assert.ok(methods.length > 40, methods.join(' '));
  assert.deepEqual(
    methods.filter((name) => !new RegExp(`${name.replaceAll('.', '\\.')}[(\\[.;]`).test(examples)),
    [],
  );
});

test('what is written out is what the contract answers, field by field', () => {
  // Each line compiles only where the two have the same names; that the types fit is checked where they are used.
  const same = <Written, Computed>(equal: SameKeys<Written, Computed>): boolean => equal;
  assert.ok(same<SandboxInfo, FromWire<Answer<'listSandboxes'>[number]>>(true));
  assert.ok(same<SecretInfo, FromWire<Answer<'getSecret'>>>(true));
  assert.ok(same<ProxyAuditEvent, FromWire<Answer<'getSecretAudit'>[number]>>(true));
  assert.ok(same<RequestEvent, FromWire<Answer<'listRequests'>['data'][number]>>(true));
  assert.ok(same<RequestExplanation, FromWire<Answer<'explainRequest'>>>(true));
  assert.ok(same<SecretTest, FromWire<Answer<'testSecret'>>>(true));
  assert.ok(same<NetworkEvent, FromWire<Answer<'getSandboxNetwork'>['data'][number]>>(true));
});

test('an answer becomes camelCase with times as Date; what is null is left out, what is the caller’s own stays', () => {
  assert.deepEqual(
    fromWire({
      created_at: '2026-01-02T03:04:05.000Z',
      last_used_at: null,
      metadata: { snake_case: 'x_y', made_at: 'noon' },
      secrets: [{ env_key: 'A_B' }],
    }),
    {
      createdAt: new Date('2026-01-02T03:04:05.000Z'),
      metadata: { snake_case: 'x_y', made_at: 'noon' },
      secrets: [{ envKey: 'A_B' }],
    },
  );
});

type SameKeys<Left, Right> = [keyof Left, keyof Right] extends [keyof Right, keyof Left] ? true : false;
