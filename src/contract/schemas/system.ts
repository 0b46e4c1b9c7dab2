import { z } from 'zod';

export const health = z.object({ status: z.literal('ok'), version: z.string() });

export const openApiDocument = z.looseObject({ openapi: z.string() });

export const errorEnvelope = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

export const configResponse = z.array(
  z.object({
    /** The environment variable. */
    name: z.string(),
    flag: z.string(),
    /** As it stands; credentials as `[secret]`. */
    current: z.string(),
    source: z.enum(['flag', 'environment', 'file', 'default']),
    default: z.string(),
    help: z.string(),
  }),
);
