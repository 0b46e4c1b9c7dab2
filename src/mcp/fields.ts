import { z } from 'zod';

/** Inputs that several tools have. */
export const sandboxId = z.guid().describe('The id of the sandbox: sandbox_create answers it, sandbox_list shows all');
export const envKey = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, { error: 'must be the name of a variable' })
  .describe('The variable that holds the stand-in, such as OPENAI_API_KEY');
export const secretName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,127}$/, { error: 'must be the name of a secret; never its value' })
  .describe('The name of a secret, as secret_list shows it; never its value');
export const path = z.string().min(1).max(4096).describe('An absolute path without `..`');

/** A sandbox as every tool answers it: no token, no proxy URL. */
export const sandboxOutput = z.object({
  id: z.string(),
  name: z.string(),
  status: z.string().describe('active, paused, resuming or failed'),
  driver: z.string(),
  created_at: z.string(),
  secrets: z.array(z.object({ env_key: z.string(), secret_name: z.string(), revoked: z.boolean() })),
  allow_out: z.array(z.string()).optional(),
  deny_out: z.array(z.string()).optional(),
  timeout_seconds: z.number().optional(),
  auto_delete_seconds: z.number().optional(),
  metadata: z.record(z.string(), z.string()),
});
