import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** Whether nobody holds it any more, for tests of what is held. It must not be on the caller's stack either. */
export async function isFreed(ref: WeakRef<object>): Promise<boolean> {
  for (let turn = 0; turn < 20; turn++) {
    // What a turn of the loop has looked at stays until its end.
    await nextTurn();
    if (typeof collect === 'function') collect();
    if (ref.deref() === undefined) return true;
  }
  return false;
}
