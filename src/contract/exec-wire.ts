/** The frames of `GET /exec/connect`, shared by server and client. */
export const execSubprotocol = 'superserve.exec.v1';

const tokenPrefix = 'token.';

/** A browser's WebSocket can set no header, so the access token travels as a second subprotocol. */
export function tokenSubprotocol(accessToken: string): string {
  return tokenPrefix + accessToken;
}

const sandboxPrefix = 'sandbox.';

/** And the id of the sandbox as a third, where the host name does not say it. */
export function sandboxSubprotocol(sandboxId: string): string {
  return sandboxPrefix + sandboxId;
}

/** The access token among the values of `Sec-WebSocket-Protocol`, if there is one. */
export function tokenOf(subprotocols: string): string | undefined {
  return afterPrefix(subprotocols, tokenPrefix);
}

/** The sandbox's id among them, if there is one. */
export function sandboxOf(subprotocols: string): string | undefined {
  return afterPrefix(subprotocols, sandboxPrefix);
}

function afterPrefix(subprotocols: string, prefix: string): string | undefined {
  const found = subprotocols
    .split(',')
    .map((each) => each.trim())
    .find((each) => each.startsWith(prefix));
  return found?.slice(prefix.length);
}

/** The first byte of a binary frame says whose bytes the rest are. */
export const channels = { stdin: 0, stdout: 1, stderr: 2 } as const;

/** Bytes of standard input that a client sends in one frame at most. */
export const maxStdinFrame = 32 * 1024;
