/**
 * Host uids that sandboxes run as where the server is root: above every range that distributions and systemd give
 * out (systemd's UIDS-GIDS.md: containers end at 1879048191). Each number is drawn at random, so that servers on one
 * machine need no lock between them, and is free again once its sandbox is gone.
 */
const first = 1_900_000_000;
const count = 100_000_000;

export class HostUids {
  readonly #used = new Set<number>();

  take(): number {
    let uid: number;
    do uid = first + Math.floor(Math.random() * count);
    while (this.#used.has(uid));
    this.#used.add(uid);
    return uid;
  }

  /** One that a sandbox of an earlier server has. */
  keep(uid: number): void {
    this.#used.add(uid);
  }

  release(uid: number): void {
    this.#used.delete(uid);
  }
}
