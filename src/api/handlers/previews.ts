import { previewHeader, previewQueryParameter } from '../../contract/preview-wire.ts';
import type { Answer } from '../../contract/operations.ts';
import type { PreviewTokenView, Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';

type Ids =
  | 'listPreviewPorts'
  | 'publishPreviewPort'
  | 'unpublishPreviewPort'
  | 'createPreviewToken'
  | 'rotatePreviewToken';

export function previewHandlers({ previews }: Vault): HandlersOf<Ids> {
  return {
    async listPreviewPorts({ caller, params }) {
      const { previewAccess, ports } = await previews.list(caller, params.id);
      return { preview_access: previewAccess, ports: ports.map(portAnswer) };
    },
    async publishPreviewPort({ caller, params, body }) {
      return portAnswer(
        await previews.publish(caller, params.id, { port: body.port, access: body.access ?? undefined }),
      );
    },
    async unpublishPreviewPort({ caller, params }) {
      await previews.unpublish(caller, params.id, params.port);
      return undefined;
    },
    async createPreviewToken({ caller, params, body }) {
      return tokenAnswer(await previews.token(caller, params.id, params.port, body?.expires_in_seconds ?? null));
    },
    async rotatePreviewToken({ caller, params }) {
      return tokenAnswer(await previews.rotate(caller, params.id, params.port));
    },
  };
}

type Port = Awaited<ReturnType<Vault['previews']['publish']>>;

function portAnswer({ port, tokenVersion, access }: Port): Answer<'publishPreviewPort'> {
  return { port, token_version: tokenVersion, access };
}

function tokenAnswer(view: PreviewTokenView): Answer<'createPreviewToken'> {
  return {
    token: view.token,
    port: view.port,
    header: previewHeader,
    query_param: previewQueryParameter,
    token_version: view.tokenVersion,
    access: view.access,
    preview_access: view.previewAccess,
    expires_at: view.expiresAt?.toISOString() ?? null,
  };
}
