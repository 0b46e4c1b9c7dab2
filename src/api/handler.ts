import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer, Body, OperationId, Operations, Params, Query } from '../contract/operations.ts';
import type { Caller } from '../vault/types.ts';
import type { SandboxAccess } from './authentication.ts';

/** Who is calling, by the operation's kind of authentication. */
type Identity<Id extends OperationId> = Operations[Id]['auth'] extends 'api-key'
  ? { caller: Caller }
  : Operations[Id]['auth'] extends 'access-token'
    ? { access: SandboxAccess }
    : Operations[Id]['auth'] extends 'session'
      ? { request: IncomingMessage }
      : unknown;

/** What a handler is given: checked input, a proven caller, and a signal for when nobody waits for the answer. */
export type HandlerInput<Id extends OperationId> = Identity<Id> & {
  params: Params<Id>;
  query: Query<Id>;
  body: Body<Id>;
  signal: AbortSignal;
  /** Of the answer, where there is one. */
  setHeader: (name: string, value: string) => void;
};

export type Handler<Id extends OperationId> = (input: HandlerInput<Id>) => Promise<Answer<Id>>;

/** Operations that are answered by a handler, and over before the connection is. */
type HandledId = {
  [Id in OperationId]: Operations[Id] extends { webSocket: true } | { streamed: true } ? never : Id;
}[OperationId];

/** Operations whose answers go out as they are made. */
export type StreamedId = {
  [Id in OperationId]: Operations[Id] extends { streamed: true } ? Id : never;
}[OperationId];

/** Where a streamed answer goes, and what is still to come of the request. */
export interface Exchange {
  request: IncomingMessage;
  /** Sends the head of the answer; nothing can be refused from then on. */
  begin(status: number, headers: Record<string, string>): ServerResponse;
}

export type StreamHandlers = {
  [Id in StreamedId]: (input: HandlerInput<Id>, exchange: Exchange) => Promise<void>;
};

export type HandlersOf<Id extends OperationId> = { [Each in Id]: Handler<Each> };

/** One handler for each operation: the compiler refuses a table that lacks one. */
export type Handlers = HandlersOf<HandledId>;
