import { gzipSync } from 'node:zlib';
import { downloadSize } from './behaviours.ts';

/** Contents in which an upstream gives a credential back. `credential` is empty where the request brought none. */

/** As it is, many times, between other text. */
export function sprinkled(credential: string, length: number): Buffer {
  const text = 'A line that an upstream writes, which has nothing to say. ';
  const unit = `${text.repeat(18)}token=${credential}\n`;
  return Buffer.from(unit.repeat(Math.ceil(length / unit.length))).subarray(0, length);
}

/** For an upload. */
export function filler(length: number): Buffer {
  return sprinkled('none', length);
}

/** In every coding that the product says it undoes. */
export function encoded(credential: string): string {
  const bytes = Buffer.from(credential, 'latin1');
  const hex = bytes.toString('hex');
  const escaped = credential.replaceAll(/./g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return [
    `{"base64": "${bytes.toString('base64')}"`,
    `"inside": "${Buffer.from(`user:${credential}:end`).toString('base64url')}"`,
    `"hex": "${hex}"`,
    `"percent": "${hex.replaceAll(/../g, '%$&')}"`,
    `"escaped": "${escaped}"`,
    `"raw": "${credential}"}`,
  ].join(', ');
}

export function download(credential: string, { gzip }: { gzip: boolean }): Buffer {
  const content = sprinkled(credential, downloadSize);
  return gzip ? gzipSync(content, { level: 1 }) : content;
}
