/** One message as a reader understood it, in words that all readers share; text is latin1. */
export interface Message {
  /** `method target minor-version`, or `status minor-version reason`. */
  start: string;
  /** Names and values by turns, as written, the blanks around values left out. */
  fields: readonly string[];
  content: string;
  /** As `fields`. */
  trailers: readonly string[];
  /** All of it has come. */
  complete: boolean;
  /** Whether another message may follow it on the connection. */
  keepAlive: boolean;
  /** What follows is another protocol: CONNECT, or a switch of protocols. */
  upgrade: boolean;
}

export function requestStart({ method, target, minor }: { method: string; target: string; minor: number }): string {
  return `${method} ${target} 1.${minor}`;
}

export function responseStart({ status, minor, reason }: { status: number; minor: number; reason: string }): string {
  // Blanks around a reason phrase mean nothing (RFC 9112 section 4: "A client SHOULD ignore the reason-phrase content").
  return `${status} 1.${minor} ${reason.replaceAll(/^[ \t]+|[ \t]+$/g, '')}`;
}
