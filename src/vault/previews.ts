import { previewToken, verifyPreviewToken } from '../crypto/preview-token.ts';
import { StandinError } from '../errors.ts';
import type { PreviewPortRecord, SandboxRecord } from '../store/store.ts';
import type { VaultDeps } from './deps.ts';
import type { Fleet } from './fleet.ts';
import { isUuid, notFound } from './text.ts';
import type { Caller, PreviewService, PreviewTokenView } from './types.ts';

const portLimit = 64;

export function createPreviews(
  deps: Pick<VaultDeps, 'store' | 'drivers' | 'tokenKey' | 'now'>,
  fleet: Fleet,
): PreviewService {
  const { store, tokenKey, now } = deps;

  async function find({ teamId }: Caller, id: string): Promise<SandboxRecord> {
    const sandbox = isUuid(id) ? await store.sandboxes.byId(id) : null;
    if (sandbox === null || sandbox.teamId !== teamId) throw notFound('sandbox');
    return sandbox;
  }

  function makeToken(sandbox: SandboxRecord, record: PreviewPortRecord, seconds: number | null): PreviewTokenView {
    const { port, access, tokenVersion } = record;
    // Whole seconds, so that what is told is what is signed.
    const expiresAt = seconds === null ? null : new Date((Math.floor(now().getTime() / 1000) + seconds) * 1000);
    const token = previewToken(tokenKey, { sandboxId: sandbox.id, port, version: tokenVersion }, expiresAt);
    return { token, port, access, tokenVersion, previewAccess: sandbox.previewAccess, expiresAt };
  }

  return {
    async list(caller, id) {
      const { previewAccess } = await find(caller, id);
      return { previewAccess, ports: await store.previews.list(id) };
    },

    async publish(caller, id, { port, access }) {
      const sandbox = await find(caller, id);
      if (deps.drivers.get(sandbox.driver)?.runs !== true) {
        throw new StandinError(
          'conflict',
          `a sandbox of the driver ${sandbox.driver} is run by somebody else: publish its ports where it runs`,
        );
      }
      const options = { access, fallback: sandbox.previewAccess, most: portLimit, at: now() };
      const published = await store.previews.publish(sandbox.id, port, options);
      if (published === 'full')
        throw new StandinError('conflict', `port: a sandbox publishes ${portLimit} ports at most; unpublish one first`);
      return published;
    },

    async unpublish(caller, id, port) {
      const sandbox = await find(caller, id);
      if (!(await store.previews.unpublish(sandbox.id, port))) throw notFound('published port');
    },

    async token(caller, id, port, seconds) {
      const sandbox = await find(caller, id);
      const record = await store.previews.get(sandbox.id, port);
      if (record === null) throw notFound('published port');
      return makeToken(sandbox, record, seconds);
    },

    async rotate(caller, id, port) {
      const sandbox = await find(caller, id);
      const record = await store.previews.rotate(sandbox.id, port);
      if (record === null) throw notFound('published port');
      return makeToken(sandbox, record, null);
    },

    async open(sandboxId, port, token) {
      const record = isUuid(sandboxId) ? await store.previews.get(sandboxId, port) : null;
      const subject = { sandboxId, port, version: record?.tokenVersion ?? 0 };
      // Also where nothing is published, so that the time taken does not tell what is.
      const proof = verifyPreviewToken(tokenKey, token ?? '', { subject, now: now() });
      if (record === null || (record.access === 'private' && proof === false)) throw refused();
      const sandbox = await store.sandboxes.byId(sandboxId);
      if (sandbox === null) throw refused();
      return {
        proof: proof === false ? null : proof,
        connect: () => fleet.require(sandbox).connect(port),
      };
    },
  };
}

/** The same for what is not there, not published, and not for this token. */
function refused(): StandinError {
  return new StandinError(
    'unauthorized',
    'there is nothing here for you: this preview is not published, or takes a token that is valid',
  );
}
