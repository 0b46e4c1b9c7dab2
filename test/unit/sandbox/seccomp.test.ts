import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileSeccomp } from '../../../src/sandbox/host/seccomp.ts';
import { absentCalls, auditArchitecture, callNumber, refusedCalls } from '../../../src/sandbox/host/system-calls.ts';
import type { Machine } from '../../../src/sandbox/host/system-calls.ts';

/**
 * The programs, run by an interpreter of the instructions they use: the one for the other architecture too. What the
 * kernel makes of this machine's is shown by test/security/row-18-escapes.test.ts.
 */
const allowed = 'allow';
const errno = (number: number) => `errno ${number}`;

function judge(
  machine: Machine,
  number: number,
  args: number[] = [],
  architecture = auditArchitecture[machine],
): string {
  const program = compileSeccomp(machine);
  const words = [number, architecture, 0, 0, ...Array.from({ length: 6 }, (_, index) => [args[index] ?? 0, 0]).flat()];
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const [code, jt, jf, k] = [
      program.readUInt16LE(at),
      program.readUInt8(at + 2),
      program.readUInt8(at + 3),
      program.readUInt32LE(at + 4),
    ];
    const jump = (condition: boolean) => 8 * (condition ? jt : jf);
    if (code === 0x20) accumulator = (words[k / 4] ?? 0) >>> 0;
    else if (code === 0x15) at += jump(accumulator === k);
    else if (code === 0x25) at += jump(accumulator > k);
    else if (code === 0x45) at += jump((accumulator & k) !== 0);
    else if (code === 0x06) return k === 0x7fff_0000 ? allowed : k === 0x8000_0000 ? 'kill' : errno(k & 0xffff);
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error('ran off the end');
}

const machines = [
  {
    machine: 'x64',
    calls: { read: 0, clone: 56, socket: 41, socketpair: 53, ioctl: 16, fchmodat: 268, openat: 257, getpid: 39 },
  },
  {
    machine: 'arm64',
    calls: { read: 63, clone: 220, socket: 198, socketpair: 199, ioctl: 29, fchmodat: 53, openat: 56, getpid: 172 },
  },
] as const;

for (const { machine, calls } of machines) {
  describe(`the filter for ${machine}`, () => {
    it('refuses every call of its tables, and lets ordinary ones pass', () => {
      for (const [name, numbers] of Object.entries(refusedCalls)) {
        const number = callNumber(numbers, machine);
        if (number !== null) assert.equal(judge(machine, number), errno(1), name);
      }
      for (const [name, numbers] of Object.entries(absentCalls)) {
        assert.equal(judge(machine, callNumber(numbers, machine) ?? 0), errno(38), name);
      }
      assert.equal(judge(machine, calls.read), allowed);
      assert.equal(judge(machine, calls.getpid), allowed);
    });

    it('does not know calls that came later, those of x32, or another architecture', () => {
      assert.equal(judge(machine, 470), errno(38));
      assert.equal(judge(machine, 0x4000_0000 + calls.getpid), errno(38));
      assert.equal(judge(machine, calls.getpid, [], 0x4000_0003), 'kill');
    });

    it('allows threads and processes, not namespaces', () => {
      assert.equal(judge(machine, calls.clone, [0x003d_0f00]), allowed);
      for (const flag of [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000]) {
        assert.equal(judge(machine, calls.clone, [flag | 17]), errno(1));
      }
    });

    it('allows sockets of UNIX, TCP, UDP and route netlink alone', () => {
      const socket = (...args: number[]) => judge(machine, calls.socket, args);
      assert.deepEqual(
        [socket(1, 1, 0), socket(2, 1, 6), socket(10, 2, 17), socket(2, 1, 0), socket(16, 3, 0)],
        Array(5).fill(allowed),
      );
      assert.deepEqual([socket(2, 1, 262), socket(10, 3, 58), socket(2, 3, 255)], Array(3).fill(errno(93)));
      assert.deepEqual(
        [socket(16, 3, 9), socket(40, 1, 0), socket(38, 5, 0), socket(0, 1, 0)],
        Array(4).fill(errno(97)),
      );
      assert.equal(judge(machine, calls.socketpair, [1, 1, 0]), allowed);
      assert.equal(judge(machine, calls.socketpair, [2, 1, 0]), errno(97));
    });

    it('lets no file be made set-uid or set-gid, and looks at the mode only where a file is made', () => {
      assert.equal(judge(machine, calls.fchmodat, [0, 0, 0o4755]), errno(1));
      assert.equal(judge(machine, calls.fchmodat, [0, 0, 0o2755]), errno(1));
      assert.equal(judge(machine, calls.fchmodat, [0, 0, 0o1777]), allowed);
      assert.equal(judge(machine, calls.openat, [0, 0, 0o101, 0o4755]), errno(1));
      assert.equal(judge(machine, calls.openat, [0, 0, 0o1, 0o4755]), allowed);
      assert.equal(judge(machine, calls.openat, [0, 0, 0o101, 0o755]), allowed);
    });

    it('keeps terminals from being typed into', () => {
      assert.deepEqual(
        [judge(machine, calls.ioctl, [0, 0x5412]), judge(machine, calls.ioctl, [0, 0x541c])],
        [errno(1), errno(1)],
      );
      assert.equal(judge(machine, calls.ioctl, [0, 0x5413]), allowed);
    });
  });
}
