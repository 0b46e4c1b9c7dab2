import { z } from 'zod';
import { strict, text } from './fields.ts';

const path = text({ min: 1, max: 4096 }).refine((value) => value.startsWith('/') && !value.split('/').includes('..'), {
  error: 'must be an absolute path without `..`',
});

export const filePathQuery = strict({ path });
export const downloadQuery = strict({ path, format: z.literal('zip').optional() });
export const uploadedFile = z.object({ path: z.string(), size: z.int() });

export const directoryListing = z.object({
  entries: z.array(z.object({ name: z.string(), is_dir: z.boolean(), size: z.int(), modified_unix: z.int() })),
});
