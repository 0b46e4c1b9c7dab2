const lowerCase = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte));
const lowerCaseFolded = lowerCase.map((byte) => (byte === 0x5f ? 0x2d : byte));
/** Room for the marks of 24 lines, which most heads have at most: an array that grows is copied each time. */
const blankMarks: readonly number[] = Array.from({ length: 96 }, () => 0);

/** The header lines of one head, as offsets into it. Its text is latin1: one character is one byte. */
export class HeaderLines {
  /** Holds the head from `base` on, from its start line to the empty line. */
  readonly bytes: Buffer;
  readonly base: number;
  /** The same as text, a copy; offsets count from its start. */
  readonly text: string;
  count = 0;
  /** Four numbers a line: its start, the end of its name, the start and the end of its value without the blanks around it. */
  readonly marks: number[] = blankMarks.slice();
  /** What each line is: a number of `knownHeader`, 0 for any other name. */
  readonly kinds: number[] = [];
  /** Index in `text` of the empty line's CR, which is where the last header line ended. */
  readonly endOfLines: number;

  /** The head in `bytes[base, end)`, which is read again when the head is written anew: it must stay as it is until then. */
  constructor(bytes: Buffer, base: number, end: number, text = bytes.toString('latin1', base, end)) {
    this.bytes = bytes;
    this.base = base;
    this.text = text;
    this.endOfLines = end - base - 2;
  }

  /** The name as it was written. */
  name(line: number): string {
    return this.text.slice(this.lineStart(line), this.marks[line * 4 + 1]);
  }

  nameLength(line: number): number {
    return (this.marks[line * 4 + 1] ?? 0) - this.lineStart(line);
  }

  /** Whether the line's name is this one, which is given in lower case. */
  isNamed(line: number, lowerName: string): boolean {
    return this.#isNamed(line, lowerName, lowerCase);
  }

  /** The same where `_` in the line's name counts as `-`: servers that hand names on as CGI does cannot tell them apart. */
  isNamedAbout(line: number, lowerName: string): boolean {
    return this.#isNamed(line, lowerName, lowerCaseFolded);
  }

  /** The first line of this name, given in lower case, or -1. */
  find(lowerName: string): number {
    let line = 0;
    while (line < this.count && !this.isNamed(line, lowerName)) line++;
    return line === this.count ? -1 : line;
  }

  #isNamed(line: number, name: string, fold: Uint8Array): boolean {
    if (this.nameLength(line) !== name.length) return false;
    const start = this.base + this.lineStart(line);
    for (let i = 0; i < name.length; i++) {
      if (fold[this.bytes[start + i] ?? 0] !== name.charCodeAt(i)) return false;
    }
    return true;
  }

  /** The value without the blanks around it, latin1. */
  value(line: number): string {
    return this.text.slice(this.marks[line * 4 + 2], this.marks[line * 4 + 3]);
  }

  lineStart(line: number): number {
    return line < this.count ? (this.marks[line * 4] ?? 0) : this.endOfLines;
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
