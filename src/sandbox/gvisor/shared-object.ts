import type { Machine } from '../host/system-calls.ts';

/** A function of a shared object: machine code, and where in it is the distance to the slot of the imported function. */
export interface ObjectFunction {
  name: string;
  code: Buffer;
  /** Writes the distance, in bytes from the start of the function's code to the slot, into the code. */
  link(code: Buffer, distance: number): void;
}

/** Of elf(5). What the two machines differ in: their number, and the relocation that puts an address into a slot. */
const machines: Record<Machine, { number: number; globDat: number }> = {
  x64: { number: 62, globDat: 6 },
  arm64: { number: 183, globDat: 1025 },
};
const [elfHead, programHead, symbolSize, relocationSize, dynamicSize] = [64, 56, 24, 24, 16];
const [LOAD, DYNAMIC, GNU_STACK] = [1, 2, 0x6474_e551];
const [EXECUTE, WRITE, READ] = [1, 2, 4];
const [HASH, STRTAB, SYMTAB, RELA, RELASZ, RELAENT, STRSZ, SYMENT, SONAME] = [4, 5, 6, 7, 8, 9, 10, 11, 14];
const globalFunction = 0x12;
/** The largest page of either machine: what is written to lies on pages of its own. */
const page = 0x1_0000;

/**
 * A shared object (ELF, little endian) that defines functions and imports one, whose address the loader puts into a slot:
 * all that a preloaded library of a few instructions needs, so that no compiler is needed to make one.
 */
export function sharedObject(
  machine: Machine,
  { name, functions, imported }: { name: string; functions: ObjectFunction[]; imported: string },
): Buffer {
  const names = [imported, ...functions.map((each) => each.name), name];
  const strings = Buffer.from(`\0${names.join('\0')}\0`, 'latin1');
  const nameAt = (wanted: string) => strings.indexOf(`\0${wanted}\0`, 0, 'latin1') + 1;
  const symbols = 2 + functions.length;

  // One page to be read and run, in this order; then one with the slot and the dynamic section.
  const hashAt = elfHead + 4 * programHead;
  const symbolsAt = align(hashAt + 4 * (3 + symbols), 8);
  const relocationsAt = symbolsAt + symbols * symbolSize;
  const stringsAt = relocationsAt + relocationSize;
  const placed: { each: ObjectFunction; at: number }[] = [];
  let end = stringsAt + strings.length;
  for (const each of functions) {
    const at = align(end, 16);
    placed.push({ each, at });
    end = at + each.code.length;
  }
  const dataAt = align(end, 16);
  const slot = page + dataAt;
  const dynamic = [
    [SONAME, nameAt(name)],
    [HASH, hashAt],
    [STRTAB, stringsAt],
    [STRSZ, strings.length],
    [SYMTAB, symbolsAt],
    [SYMENT, symbolSize],
    [RELA, relocationsAt],
    [RELASZ, relocationSize],
    [RELAENT, relocationSize],
    [0, 0],
  ];
  const dynamicAt = dataAt + 8;
  const dataLength = 8 + dynamic.length * dynamicSize;

  const file = Buffer.alloc(dataAt + dataLength);
  const { number, globDat } = machines[machine];
  file.write('\u007fELF\u0002\u0001\u0001', 0, 'latin1');
  words(
    file,
    16,
    [2, 3],
    [2, number],
    [4, 1],
    [8, 0],
    [8, elfHead],
    [8, 0],
    [4, 0],
    [2, elfHead],
    [2, programHead],
    [2, 4],
  );
  const heads = [
    { type: LOAD, flags: READ | EXECUTE, at: 0, to: 0, length: end },
    { type: LOAD, flags: READ | WRITE, at: dataAt, to: slot, length: dataLength },
    { type: DYNAMIC, flags: READ | WRITE, at: dynamicAt, to: slot + 8, length: dataLength - 8 },
    // Without it the loader would make every stack executable.
    { type: GNU_STACK, flags: READ | WRITE, at: 0, to: 0, length: 0 },
  ];
  for (const [index, { type, flags, at, to, length }] of heads.entries()) {
    const place = elfHead + index * programHead;
    words(file, place, [4, type], [4, flags], [8, at], [8, to], [8, to], [8, length], [8, length], [8, page]);
  }
  // One bucket, in which each symbol names the next.
  words(file, hashAt, [4, 1], [4, symbols], [4, 1], [4, 0]);
  for (let index = 1; index < symbols; index += 1) {
    file.writeUInt32LE((index + 1) % symbols, hashAt + 4 * (3 + index));
  }
  words(file, symbolsAt + symbolSize, [4, nameAt(imported)], [1, globalFunction]);
  for (const [index, { each, at }] of placed.entries()) {
    const place = symbolsAt + (2 + index) * symbolSize;
    // Section 1 stands for any: zero would say that it is not defined here.
    words(file, place, [4, nameAt(each.name)], [1, globalFunction], [1, 0], [2, 1], [8, at], [8, each.code.length]);
    const code = Buffer.from(each.code);
    each.link(code, slot - at);
    code.copy(file, at);
  }
  words(file, relocationsAt, [8, slot], [4, globDat], [4, 1], [8, 0]);
  strings.copy(file, stringsAt);
  for (const [index, [tag = 0, value = 0]] of dynamic.entries()) {
    words(file, dynamicAt + index * dynamicSize, [8, tag], [8, value]);
  }
  return file;
}

/** Writes unsigned numbers of so many bytes one after the other. */
function words(file: Buffer, at: number, ...all: [bytes: number, value: number][]): void {
  for (const [bytes, value] of all) {
    if (bytes === 8) file.writeBigUInt64LE(BigInt(value), at);
    else file.writeUIntLE(value, at, bytes);
    at += bytes;
  }
}

const align = (at: number, to: number) => Math.ceil(at / to) * to;
