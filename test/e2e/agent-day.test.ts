import assert from 'node:assert/strict';
import { it } from 'node:test';
import { liveThroughDay } from '../day/day.ts';
import { dayText, unseenClaims } from '../day/report.ts';
import { skipWithout } from '../support/processes.ts';
import { noPython } from './languages.ts';

/** The whole day is `npm run day`: docs/endurance.md. This is the same one, in a minute. */
const skip = skipWithout('bwrap', 'curl', 'git', 'npm') || noPython;

it(
  'two agents work through a day with pauses, rotations and a detached secret, and see no value',
  { skip },
  async () => {
    const report = await liveThroughDay({ minutes: 1, say: () => undefined });
    assert.equal(report.findings.total, 0, dayText(report));
    assert.deepEqual(unseenClaims(report), []);
    assert.ok(report.jobs.claude >= 2 && report.jobs.codex >= 2, dayText(report));
  },
);
