/** A call that did not do what it was to do: the server's stable code, its words, and what a person can do about it. */
export class Failure extends Error {
  readonly code: string;
  /** 0 where no server answered. */
  readonly status: number;
  readonly advice: string | undefined;
  /** To find the call in the server's log; only of failures that nobody foresaw. */
  readonly requestId: string | undefined;

  constructor(code: string, message: string, details: { status: number; requestId?: string | undefined }) {
    super(message);
    this.name = 'Failure';
    this.code = code;
    this.status = details.status;
    this.advice = advice[code];
    this.requestId = details.requestId;
  }
}

/** What helps, where the server's own words do not say it. The whole list is docs/errors.md. */
const advice: Record<string, string> = {
  unauthorized: 'Sign in again with a live API key. `standin key create` makes one.',
  forbidden: 'Use an operator key, or call the server by the address it listens on.',
  not_found: 'It may have been deleted meanwhile. Go back to the list.',
  conflict: 'Choose another name, or load the page again to see how things stand.',
  rate_limited: 'Wait a minute, then try again.',
  too_many_sandboxes: 'Delete sandboxes that are no longer needed.',
  internal: 'Look for the request id in the server’s log.',
  unavailable: 'Run `standin doctor` on the server’s machine: it says what is wrong and what to do.',
  sandbox_storage_full: 'Free space in the sandbox, then try again.',
  unreachable: 'Check that `standin serve` runs and that this machine can reach it, then try again.',
  unexpected: 'Load the page again: console and server may be of different versions.',
};

export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure('unexpected', error instanceof Error ? error.message : String(error), { status: 0 });
}

/** The failure that an answer which is no success tells of. */
export async function refusal(response: Response): Promise<Failure> {
  const requestId = response.headers.get('x-request-id') ?? undefined;
  const told = envelopeOf(await response.json().catch(() => undefined));
  if (told === undefined) {
    return new Failure('unexpected', `The server answered ${response.status}, not in words of the API.`, {
      status: response.status,
    });
  }
  return new Failure(told.code, told.message, {
    status: response.status,
    requestId: told.code === 'internal' ? requestId : undefined,
  });
}

function envelopeOf(body: unknown): { code: string; message: string } | undefined {
  if (typeof body !== 'object' || body === null || !('error' in body)) return undefined;
  const { error } = body;
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error)) return undefined;
  return { code: String(error.code), message: String(error.message) };
}
