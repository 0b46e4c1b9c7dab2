import { createServer as createHttpServer } from 'node:http';
import type { RequestListener, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { Webhook } from 'standardwebhooks';
import type { ServerCertificate } from './certificates.ts';
import { listenOnLoopback } from './ports.ts';

/** A delivery as it came. */
export interface ReceivedDelivery {
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** Where webhooks are sent to: a server on loopback. */
export interface WebhookEndpoint {
  port: number;
  received: ReceivedDelivery[];
  stop(): void;
}

/** Starts one, over TLS where it has a certificate; `answer` is told how many have come, and may leave one unanswered. */
export async function startWebhookEndpoint(
  answer: (response: ServerResponse, delivery: ReceivedDelivery, count: number) => void,
  certificate?: ServerCertificate,
): Promise<WebhookEndpoint> {
  const received: ReceivedDelivery[] = [];
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => void (body += text));
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const delivery = { path: request.url ?? '', headers, body };
      received.push(delivery);
      answer(response, delivery, received.length);
    });
  };
  const server =
    certificate === undefined
      ? createHttpServer(listener)
      : createHttpsServer({ cert: certificate.certPem, key: certificate.keyPem }, listener);
  return {
    port: await listenOnLoopback(server),
    received,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * The body as JSON, where the library of the standard's own authors takes the delivery for one that was signed with this
 * secret minutes ago at most. Throws its WebhookVerificationError where not.
 */
export function verifiedBody({ headers, body }: ReceivedDelivery, secret: string): Record<string, unknown> {
  return { ...Object(new Webhook(secret).verify(body, headers)) };
}
