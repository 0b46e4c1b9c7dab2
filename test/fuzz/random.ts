/** A message past its first error teaches little, so most have few or none. */
const rarities = [24, 60, 150, 400];

/** Numbers that follow from `seed` and `index` alone, so that case 7,000,000 is made without those before it (sfc32). */
export class Random {
  /** How rare what is odd is, at each place of a message where it could be: once in so many. */
  readonly rarity: number;
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  constructor(seed: number, index: number) {
    this.#a = mix(seed ^ 0x9e3779b9);
    this.#b = mix(index ^ this.#a);
    this.#c = mix(Math.floor(index / 2 ** 32) ^ this.#b ^ 0x85ebca6b);
    for (let i = 0; i < 8; i++) this.next();
    this.rarity = this.pick(rarities);
  }

  /** 32 bits. */
  next(): number {
    const sum = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return this.next() % limit;
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.next() % times === 0;
  }

  pick<T>(table: readonly T[]): T {
    const picked = table[this.next() % table.length];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }
}

/** Every bit of the result depends on every bit of `value` (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
