import { Transform } from 'node:stream';

/** Passes bytes on and tells how many went through, after each piece. */
export function countBytes(tell: (soFar: number) => void): Transform {
  let soFar = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      soFar += chunk.length;
      tell(soFar);
      done(null, chunk);
    },
  });
}
