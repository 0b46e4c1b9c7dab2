/**
 * The header lines of one head, as offsets into its text. The text is the head's own copy (latin1: one character is
 * one byte), so a head outlives the buffer that it was read from.
 */
export class HeaderLines {
  /** The whole head, from its start line to the empty line, decoded as latin1. */
  readonly text: string;
  count = 0;
  /** Four numbers a line: its start, the end of its name, the start and the end of its value without the blanks around it. */
  readonly marks: number[] = [];
  /** What each line is: a number of `knownHeader`, 0 for any other name. */
  readonly kinds: number[] = [];
  /** Index in `text` of the empty line's CR, which is where the last header line ended. */
  readonly endOfLines: number;

  constructor(text: string) {
    this.text = text;
    this.endOfLines = text.length - 2;
  }

  /** The name as it was written. */
  name(line: number): string {
    return this.text.slice(this.lineStart(line), this.marks[line * 4 + 1]);
  }

  nameLength(line: number): number {
    return (this.marks[line * 4 + 1] ?? 0) - this.lineStart(line);
  }

  /** The value without the blanks around it, latin1. */
  value(line: number): string {
    return this.text.slice(this.marks[line * 4 + 2], this.marks[line * 4 + 3]);
  }

  lineStart(line: number): number {
    return this.marks[line * 4] ?? this.endOfLines;
  }

  /** Index after the line's CRLF. */
  lineEnd(line: number): number {
    return this.lineStart(line + 1);
  }

  /** The line that holds the character at `offset`, or -1 for the start line. */
  lineAt(offset: number): number {
    let line = this.count - 1;
    while (line >= 0 && this.lineStart(line) > offset) line--;
    return line;
  }
}

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' };
/** `close`: the body ends with the connection. Only responses have it. */
export type ResponseFraming = Framing | { readonly kind: 'close' };

export interface RequestHead {
  readonly lines: HeaderLines;
  readonly method: string;
  /** The request target as it was sent. */
  readonly target: string;
  readonly targetForm: 'origin' | 'absolute' | 'authority' | 'asterisk';
  /** 1 for HTTP/1.1, 0 for HTTP/1.0. */
  readonly minorVersion: 0 | 1;
  /** The value of the Host line as it was sent; null only in HTTP/1.0. */
  readonly host: string | null;
  readonly framing: Framing;
  /** Whether the client keeps the connection open after this exchange. */
  readonly keepAlive: boolean;
  /** The client waits for `100 Continue` before it sends its content. */
  readonly expectContinue: boolean;
  readonly upgrade: 'websocket' | null;
  /** The options of the Connection lines, lower-cased. */
  readonly connectionTokens: readonly string[];
}

export interface ResponseHead {
  readonly lines: HeaderLines;
  readonly minorVersion: 0 | 1;
  readonly status: number;
  readonly reason: string;
  readonly framing: ResponseFraming;
  /** Whether the upstream connection may carry another request when the body has been read. */
  readonly keepAlive: boolean;
  /** 1xx other than 101: the final response is still to come. */
  readonly interim: boolean;
  /** Status 101: the protocol that the upstream switched to, lower-cased. */
  readonly upgrade: string | null;
  readonly connectionTokens: readonly string[];
}
