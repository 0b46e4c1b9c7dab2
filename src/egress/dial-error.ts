import type { Refusal } from './refusals.ts';

/** A dial that did not come to a connection, with what the client is told. */
export class DialError extends Error {
  readonly refused: Refusal;
  readonly address: string | null;
  /** It speaks none of the protocols that were offered. */
  readonly noProtocol: boolean;
  constructor(refused: Refusal, address: string | null, noProtocol = false) {
    super(refused.message);
    this.noProtocol = noProtocol;
    this.name = 'DialError';
    this.refused = refused;
    this.address = address;
  }
}
