import { z } from 'zod';
import { queryNumber, strict, timestamp, wholeNumber } from './fields.ts';

/** Ports below are refused, and so is the one that Superserve's own sandboxes are controlled through. */
const range = { min: 1024, max: 65_535 };
const reservedPort = 49_983;
const notReserved = (port: number) => port !== reservedPort;
const reserved = { error: `${reservedPort} is reserved; choose another port` };

export const portParam = queryNumber(range);
export const previewAccess = z.enum(['public', 'private'], { error: 'must be `public` or `private`' });

export const publishPreviewPortRequest = strict({
  port: wholeNumber(range).refine(notReserved, reserved),
  /** Absent: as it is, or as the sandbox's `preview_access` has it. */
  access: previewAccess.nullable().optional(),
});

export const previewPort = z.object({ port: z.int(), token_version: z.int(), access: previewAccess });

export const previewPortList = z.object({ preview_access: previewAccess, ports: z.array(previewPort) });

export const previewTokenRequest = strict({
  /** Absent: it lasts until the port is unpublished or its token rotated. */
  expires_in_seconds: wholeNumber({ min: 1, max: 604_800 }).nullable().optional(),
}).optional();

export const previewToken = z.object({
  token: z.string(),
  port: z.int(),
  /** The name of the header that carries it. */
  header: z.string(),
  /** The name of the query parameter that does, for a link. */
  query_param: z.string(),
  token_version: z.int(),
  access: previewAccess,
  preview_access: previewAccess,
  expires_at: timestamp.nullable(),
});
