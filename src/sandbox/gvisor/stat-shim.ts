import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { inside } from '../host/inside.ts';
import { makeReadableDirectory, writeReadable } from '../host/skeleton.ts';
import { statCalls } from '../host/system-calls.ts';
import type { Machine } from '../host/system-calls.ts';
import type { Part, Workshop } from '../host/workshop.ts';
import { sharedObject } from './shared-object.ts';
import type { ObjectFunction } from './shared-object.ts';

/**
 * What `ls` and `stat` of coreutils 8.32 and later call with AT_NO_AUTOMOUNT, which runsc before 2023 refuses as a flag that
 * it does not know. gVisor mounts nothing by itself, so the flag says nothing there. These stand before the C library's
 * (ld.so(8), /etc/ld.so.preload): each takes the flag away and makes the system call that the C library would make.
 */
const calls = [
  { name: 'statx', numbers: statCalls, flags: 2 },
  // `struct stat` is the kernel's own on both machines. Both names, since a program may have been built with either.
  { name: 'fstatat', numbers: { x64: 262, arm64: 79 }, flags: 3 },
  { name: 'fstatat64', numbers: { x64: 262, arm64: 79 }, flags: 3 },
] as const;

const libraryName = 'standin-stat.so';
/** The file that names the library to the loader. */
export const preloadName = 'ld.so.preload';

/** The library and the file that names it, made once. */
export function shimPart(workshop: Workshop, machine: Machine): Part {
  const library = statShim(machine);
  const name = `shim-${createHash('sha256').update(library).digest('hex').slice(0, 32)}`;
  return workshop.makePart(name, (directory) => {
    makeReadableDirectory(directory);
    writeReadable(join(directory, libraryName), library);
    writeReadable(join(directory, preloadName), `${inside.shim}/${libraryName}\n`);
  });
}

/** The library, for glibc programs of this machine: a few instructions a function, which need no compiler to be made. */
export function statShim(machine: Machine): Buffer {
  return sharedObject(machine, {
    name: libraryName,
    functions: calls.map(({ name, numbers, flags }) => functionOf(machine, { name, number: numbers[machine], flags })),
    // Gives the place of `errno`.
    imported: '__errno_location',
  });
}

interface Call {
  name: string;
  number: number;
  /** Which argument has the flags, from 0. */
  flags: 2 | 3;
}

function functionOf(machine: Machine, call: Call): ObjectFunction {
  return machine === 'x64' ? onX64(call) : onArm64(call);
}

function onX64({ name, number, flags }: Call): ObjectFunction {
  const code = Buffer.from(
    [
      flags === 2 ? '81 e2 ff f7 ff ff' : '81 e1 ff f7 ff ff', // and edx | ecx, ~0x800
      '49 89 ca', //             mov r10, rcx       the fourth argument, where the kernel wants it
      'b8 00 00 00 00', //       mov eax, number
      '0f 05', //                syscall
      '48 3d 01 f0 ff ff', //    cmp rax, -4095
      '73 01', //                jae failed
      'c3', //                   ret
      'f7 d8', //        failed: neg eax
      '50', //                   push rax           and the stack is aligned for a call
      'ff 15 00 00 00 00', //    call [slot]        relative to the next instruction
      '59', //                   pop rcx
      '89 08', //                mov [rax], ecx     errno
      '83 c8 ff', //             or eax, -1
      'c3', //                   ret
    ]
      .join(' ')
      .replaceAll(' ', ''),
    'hex',
  );
  code.writeUInt32LE(number, 10);
  const slotAt = 30;
  return { name, code, link: (linked, distance) => void linked.writeInt32LE(distance - (slotAt + 4), slotAt) };
}

function onArm64({ name, number, flags }: Call): ObjectFunction {
  const instructions = [
    0x5281_0009, //                     mov w9, #0x800
    0x0a29_0000 | (flags << 5) | flags, // bic w2 | w3, same, w9
    0xd280_0008 + number * 32, //       mov x8, #number
    0xd400_0001, //                     svc #0
    0xb13f_fc1f, //                     cmn x0, #4095
    0x5400_0042, //                     b.cs failed
    0xd65f_03c0, //                     ret
    0xa9be_7bfd, //             failed: stp x29, x30, [sp, #-32]!
    0x9100_03fd, //                     mov x29, sp
    0x4b00_03e0, //                     neg w0, w0
    0xb900_13e0, //                     str w0, [sp, #16]
    0x5800_0009, //                     ldr x9, slot          relative to itself
    0xd63f_0120, //                     blr x9
    0xb940_13e1, //                     ldr w1, [sp, #16]
    0xb900_0001, //                     str w1, [x0]          errno
    0x1280_0000, //                     mov w0, #-1
    0xa8c2_7bfd, //                     ldp x29, x30, [sp], #32
    0xd65f_03c0, //                     ret
  ];
  const slotAt = instructions.indexOf(0x5800_0009) * 4;
  const code = Buffer.alloc(instructions.length * 4);
  for (const [index, word] of instructions.entries()) code.writeUInt32LE(word >>> 0, index * 4);
  return {
    name,
    code,
    // Nineteen bits from the sixth, in words.
    link: (linked, distance) => void linked.writeUInt32LE(0x5800_0009 | (((distance - slotAt) / 4) << 5), slotAt),
  };
}
