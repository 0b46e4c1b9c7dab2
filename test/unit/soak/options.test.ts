import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lineOf, judgeMemory } from '../../soak/memory.ts';
import { UsageError, readOptions } from '../../soak/options.ts';
import { faultTimes } from '../../soak/soak.ts';
import { Findings } from '../../soak/violations.ts';

const all = { postgres: true, bubblewrap: true };
const nothing = { postgres: false, bubblewrap: false };

describe('the options of a run', () => {
  it('take what the machine has where nothing is said', () => {
    const here = readOptions([], all);
    assert.deepEqual([here?.minutes, here?.killEvery, here?.database, here?.bubblewrap], [60, 20, 'postgres', 2]);
    const there = readOptions([], nothing);
    assert.deepEqual([there?.database, there?.bubblewrap], ['sqlite', 0]);
  });

  it('take times with a unit', () => {
    assert.equal(readOptions(['--kill-every', '1.5m'], all)?.killEvery, 90);
    assert.equal(readOptions(['--kill-every', '7'], all)?.killEvery, 7);
    assert.equal(readOptions(['--no-kills'], all)?.killEvery, 0);
    assert.equal(readOptions(['--help'], all), null);
  });

  for (const args of [
    ['--minutes', '0'],
    ['--minutes', 'long'],
    ['--kill-every', '0s'],
    ['--kill-every', '5h'],
    ['--external', '0'],
    ['--seed', '-1'],
    ['--database', 'mysql'],
    ['--speed', '3'],
  ]) {
    it(`refuse ${args.join(' ')}`, () => {
      assert.throws(() => readOptions(args, all), UsageError);
    });
  }

  it('refuse what the machine has not', () => {
    assert.throws(() => readOptions(['--database', 'postgres'], nothing), /not installed/);
    assert.throws(() => readOptions(['--bubblewrap', '1'], nothing), /cannot run/);
  });

  it('have every fault in a run of a minute, and none where none is wanted', () => {
    const { databaseEvery, restartEvery } = faultTimes({ minutes: 1, killEvery: 20 });
    assert.ok(databaseEvery < 30 && restartEvery < 30);
    assert.deepEqual(faultTimes({ minutes: 10, killEvery: 0 }), { killEvery: 0, databaseEvery: 0, restartEvery: 0 });
  });
});

/** Resident memory over ten minutes. */
function memory(name: string, bytesAt: (seconds: number) => number) {
  const samples = Array.from({ length: 301 }, (_, index) => ({ at: index * 2, bytes: bytesAt(index * 2) }));
  return lineOf({ name, pid: 1, samples });
}

describe('memory', () => {
  it('that grows all the time is found, with its slope', () => {
    const findings = new Findings();
    const line = memory('worker', (seconds) => 100e6 + seconds * 100e3);
    assert.equal(Math.round(line.slope ?? 0), 6_000_000);
    judgeMemory([line], findings);
    assert.equal(findings.countOf('memory'), 1);
  });

  it('that goes up and down, or grows only at first, is flat', () => {
    const findings = new Findings();
    const waves = memory('worker', (seconds) => 100e6 + 20e6 * Math.sin(seconds / 5));
    const start = memory('server', (seconds) => 100e6 + Math.min(seconds, 110) * 1e6);
    judgeMemory([waves, start], findings);
    assert.deepEqual([findings.total, findings.checksOf('memory')], [0, 2]);
  });

  it('of a process that lived for a minute says nothing', () => {
    assert.equal(
      lineOf({
        name: 'worker',
        pid: 1,
        samples: [
          { at: 0, bytes: 1 },
          { at: 60, bytes: 1e9 },
        ],
      }).slope,
      null,
    );
  });
});
