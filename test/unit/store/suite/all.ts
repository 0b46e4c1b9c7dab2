import { accessSuite } from './access.ts';
import { activitySuite } from './activity.ts';
import { changeSuite } from './changes.ts';
import { durabilitySuite } from './durability.ts';
import { eventSuite } from './events.ts';
import type { StoreSetup } from './fixtures.ts';
import { migrationSuite } from './migrations.ts';
import { networkLogSuite } from './network-log.ts';
import { runSuite } from './runs.ts';
import { webhookSuite } from './webhooks.ts';
import { searchSuite } from './search.ts';
import { sessionSuite } from './sessions.ts';
import { previewSuite } from './previews.ts';
import { sandboxSuite } from './sandboxes.ts';
import { secretSuite } from './secrets.ts';
import { segmentSuite } from './segments.ts';

/** What every store must do, whatever database is under it. */
export function storeSuite(setup: StoreSetup): void {
  accessSuite(setup);
  secretSuite(setup);
  sessionSuite(setup);
  sandboxSuite(setup);
  previewSuite(setup);
  webhookSuite(setup);
  runSuite(setup);
  eventSuite(setup);
  segmentSuite(setup);
  networkLogSuite(setup);
  searchSuite(setup);
  activitySuite(setup);
  changeSuite(setup);
  migrationSuite(setup);
  durabilitySuite(setup);
}
