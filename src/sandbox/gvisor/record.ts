import type { SandboxLimits } from '../driver.ts';
import type { SandboxRecord } from '../host/records.ts';
import type { Plan } from './plan.ts';

export interface GvisorRecord extends SandboxRecord {
  /** What the agent proves itself with. */
  token: string;
  plan: Plan;
  limits: SandboxLimits;
}

/** The image of a sandbox that is paused, in its folder: a directory that is there whole or not at all. */
export const imageName = 'image';
