import { vault } from './0001-vault.ts';
import { lookups } from './0002-lookups.ts';
import { auditSegments } from './0003-audit-segments.ts';
import { tripwire } from './0004-tripwire.ts';
import { webhooks } from './0005-webhooks.ts';
import { serverRuns } from './0006-server-runs.ts';
import { sandboxLives } from './0007-sandbox-lives.ts';
import { sessions } from './0008-sessions.ts';
import { activity } from './0009-activity.ts';
import type { Migration } from './migration.ts';

/** Every migration there is, in order. */
export const migrations: readonly Migration[] = [
  vault,
  lookups,
  auditSegments,
  tripwire,
  webhooks,
  serverRuns,
  sandboxLives,
  sessions,
  activity,
];
