import { z } from 'zod';

export const health = z.object({ status: z.literal('ok'), version: z.string() });

export const openApiDocument = z.looseObject({ openapi: z.string() });

export const errorEnvelope = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
