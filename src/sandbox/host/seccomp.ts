import {
  absentCalls,
  auditArchitecture,
  callNumber,
  judgedCalls,
  lastKnownCall,
  refusedCalls,
} from './system-calls.ts';
import type { JudgedCall, Machine } from './system-calls.ts';

/** One instruction of classic BPF: code, jump if true, jump if false, constant (`struct sock_filter`). */
type Instruction = readonly [code: number, jt: number, jf: number, k: number];

// linux/bpf_common.h, linux/seccomp.h, asm-generic/errno.h
const [loadWord, jumpEqual, jumpGreater, jumpSet, give] = [0x20, 0x15, 0x25, 0x45, 0x06];
const [allow, killProcess, errno] = [0x7fff_0000, 0x8000_0000, 0x0005_0000];
const [EPERM, ENOSYS, EPROTONOSUPPORT, EAFNOSUPPORT] = [1, 38, 93, 97];
const numberOffset = 0;
const architectureOffset = 4;

const namespaceFlags = 0x7e02_0000;
const setIdBits = 0o6000;
/** In the type of a character and of a block device, and of nothing else that can be made. */
const deviceBit = 0o20_000;
const createFlags = 0o100 | 0o20_000_000;
const [TIOCSTI, TIOCLINUX] = [0x5412, 0x541c];
const [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK] = [1, 2, 10, 16];
const [IPPROTO_TCP, IPPROTO_UDP, NETLINK_ROUTE] = [6, 17, 0];

const permit: Instruction = [give, 0, 0, allow];
const refuse = (code: number): Instruction => [give, 0, 0, errno | code];
/** The low half of argument `index` (`struct seccomp_data`, little endian); flags and families are 32 bits wide. */
const loadArgument = (index: number): Instruction => [loadWord, 0, 0, 16 + 8 * index];
const when = (code: number, constant: number, then: Instruction[]): Instruction[] => [
  [code, 0, then.length, constant],
  ...then,
];

const inet = [
  loadArgument(2),
  ...[0, IPPROTO_TCP, IPPROTO_UDP].flatMap((protocol) => when(jumpEqual, protocol, [permit])),
  refuse(EPROTONOSUPPORT),
];
const noSetId = (argument: number) => [loadArgument(argument), ...when(jumpSet, setIdBits, [refuse(EPERM)]), permit];
const noDevice = (argument: number) => [
  loadArgument(argument),
  ...when(jumpSet, deviceBit, [refuse(EPERM)]),
  ...noSetId(argument),
];
const createWithoutSetId = (flags: number, mode: number) => [
  loadArgument(flags),
  ...when(jumpSet, createFlags, noSetId(mode)),
  permit,
];

/** What is decided by arguments; each ends in an answer. */
const judgements: Record<JudgedCall, Instruction[]> = {
  clone: [loadArgument(0), ...when(jumpSet, namespaceFlags, [refuse(EPERM)]), permit],
  // AF_VSOCK crosses network namespaces, AF_ALG and AF_PACKET are the kernel's soft side: only these four.
  socket: [
    loadArgument(0),
    ...when(jumpEqual, AF_UNIX, [permit]),
    ...when(jumpEqual, AF_INET, inet),
    ...when(jumpEqual, AF_INET6, inet),
    ...when(jumpEqual, AF_NETLINK, [loadArgument(2), ...when(jumpEqual, NETLINK_ROUTE, [permit])]),
    refuse(EAFNOSUPPORT),
  ],
  socketpair: [loadArgument(0), ...when(jumpEqual, AF_UNIX, [permit]), refuse(EAFNOSUPPORT)],
  ioctl: [
    loadArgument(1),
    ...[TIOCSTI, TIOCLINUX].flatMap((request) => when(jumpEqual, request, [refuse(EPERM)])),
    permit,
  ],
  // A set-uid file in a mounted directory would be one on the host as well.
  chmod: noSetId(1),
  fchmod: noSetId(1),
  fchmodat: noSetId(2),
  fchmodat2: noSetId(2),
  // gVisor lets anybody make a device; on Linux it takes a capability too.
  mknod: noDevice(1),
  mknodat: noDevice(2),
  creat: noSetId(1),
  open: createWithoutSetId(1, 2),
  openat: createWithoutSetId(2, 3),
};

/**
 * The filter that every process of a sandbox runs under, as `struct sock_filter[]` in the machine's byte order (both
 * are little endian). Another architecture's calls end the process; the numbers of x32 and of calls newer than the
 * tables are above `lastKnownCall`.
 */
export function compileSeccomp(machine: Machine): Buffer {
  const program: Instruction[] = [
    [loadWord, 0, 0, architectureOffset],
    [jumpEqual, 1, 0, auditArchitecture[machine]],
    [give, 0, 0, killProcess],
    [loadWord, 0, 0, numberOffset],
    ...when(jumpGreater, lastKnownCall, [refuse(ENOSYS)]),
  ];
  const add = (number: number | null, then: Instruction[]) => {
    if (number !== null) program.push(...when(jumpEqual, number, then));
  };
  let name: JudgedCall;
  for (name in judgements) add(callNumber(judgedCalls[name], machine), judgements[name]);
  for (const numbers of Object.values(refusedCalls)) add(callNumber(numbers, machine), [refuse(EPERM)]);
  for (const numbers of Object.values(absentCalls)) add(callNumber(numbers, machine), [refuse(ENOSYS)]);
  program.push(permit);
  return encode(program);
}

function encode(program: Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, jt, jf, k]] of program.entries()) {
    const at = index * 8;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(jt, at + 2);
    bytes.writeUInt8(jf, at + 3);
    bytes.writeUInt32LE(k, at + 4);
  }
  return bytes;
}
