import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { z } from 'zod';
import { statusOf } from '../../../src/api/problems.ts';
import { createOpenApi } from '../../../src/contract/openapi.ts';
import { operationList } from '../../../src/contract/operations.ts';
import { errorCodes } from '../../../src/errors.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const document: Json = JSON.parse(JSON.stringify(createOpenApi({ version: '1.2.3', statusOf })));

function at(...path: string[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (value, key) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value[key] : undefined),
    document,
  );
}

function target(reference: string): Json | undefined {
  return at(...reference.replace(/^#\//, '').split('/'));
}

function walk(value: Json, visit: (key: string, value: Json) => void): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, each] of Object.entries(value)) {
    visit(key, each);
    walk(each, visit);
  }
}

test('every operation stands in the document under its path, method and id, with what it may answer', () => {
  for (const [id, operation] of operationList) {
    const described = at('paths', operation.path, operation.method.toLowerCase());
    assert.ok(described !== undefined, id);
    assert.equal(at('paths', operation.path, operation.method.toLowerCase(), 'operationId'), id);
    const responses = at('paths', operation.path, operation.method.toLowerCase(), 'responses');
    assert.ok(typeof responses === 'object' && responses !== null);
    assert.ok(String(operation.success.status) in responses, id);
    if (operation.auth !== 'none') assert.ok('401' in responses && '429' in responses, id);
  }
});

test('every parameter of a path is described, and nothing refers to what is not there', () => {
  for (const [id, operation] of operationList) {
    const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    assert.deepEqual(Object.keys(operation.params?.shape ?? {}), names, id);
  }
  const missing: Json[] = [];
  let references = 0;
  walk(document, (key, value) => {
    if (key !== '$ref' || typeof value !== 'string') return;
    references += 1;
    assert.match(value, /^#\//);
    if (target(value) === undefined) missing.push(value);
  });
  assert.ok(references > 0);
  assert.deepEqual(missing, []);
});

test('ids and paths are unique, and every code has a status', () => {
  const routes = operationList.map(([, { method, path }]) => `${method} ${path.replace(/\{\w+\}/g, '{}')}`);
  assert.equal(new Set(routes).size, routes.length);
  assert.deepEqual(Object.keys(statusOf).toSorted(), errorCodes.toSorted());
});

test('a value is only ever written: no answer has a field of that name', () => {
  for (const [id, operation] of operationList) {
    const responses = at('paths', operation.path, operation.method.toLowerCase(), 'responses');
    assert.ok(responses !== undefined);
    const visit = (key: string, value: Json) => {
      if (key === 'properties') assert.ok(typeof value === 'object' && value !== null && !('value' in value), id);
      if (key === '$ref' && typeof value === 'string') walk(target(value) ?? null, visit);
    };
    walk(responses, visit);
  }
});

test('the committed openapi.json is current', async () => {
  const root = new URL('../../../', import.meta.url);
  const manifest: unknown = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));
  const { version } = z.object({ version: z.string() }).parse(manifest);
  const committed: unknown = JSON.parse(await readFile(new URL('openapi.json', root), 'utf8'));
  assert.deepEqual(committed, JSON.parse(JSON.stringify(createOpenApi({ version, statusOf }))));
});
