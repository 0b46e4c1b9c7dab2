import { StandinError } from '../../errors.ts';

/** System call numbers: `asm/unistd_64.h` for x86-64, `asm-generic/unistd.h` for arm64. Absent: the machine has no such call. */
export type Machine = 'x64' | 'arm64';
export function isMachine(architecture: string): architecture is Machine {
  return architecture === 'x64' || architecture === 'arm64';
}

/** The machine that this runs on. Throws where it is one without tables. */
export function thisMachine(): Machine {
  if (!isMachine(process.arch)) throw new StandinError('unavailable', `sandboxes do not run on ${process.arch}`);
  return process.arch;
}

type Numbers = readonly [x64: number | null, arm64: number | null];

/** prctl(2). */
export const controlCalls: Record<Machine, number> = { x64: 157, arm64: 167 };
/** prlimit64(2). */
export const limitCalls: Record<Machine, number> = { x64: 302, arm64: 261 };
/** statx(2). */
export const statCalls: Record<Machine, number> = { x64: 332, arm64: 291 };

/** Refused with EPERM whatever their arguments. */
export const refusedCalls: Record<string, Numbers> = {
  // Mounts and roots.
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  open_tree_attr: [467, 467],
  move_mount: [429, 429],
  mount_setattr: [442, 442],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  statmount: [457, 457],
  listmount: [458, 458],
  // Namespaces.
  unshare: [272, 97],
  setns: [308, 268],
  // Other processes.
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  process_madvise: [440, 440],
  pidfd_getfd: [438, 438],
  kcmp: [312, 272],
  // Kernel facilities with a record of escapes.
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  keyctl: [250, 219],
  add_key: [248, 217],
  request_key: [249, 218],
  vmsplice: [278, 75],
  fanotify_init: [300, 262],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  modify_ldt: [154, null],
  uselib: [134, null],
  lookup_dcookie: [212, 18],
  nfsservctl: [180, 42],
  // The machine itself.
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  syslog: [103, 116],
  acct: [163, 89],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  iopl: [172, null],
  ioperm: [173, null],
  vhangup: [153, 58],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
};

/**
 * Answered with ENOSYS, so that programs fall back to the older call. The arguments of `clone3` and `openat2` are in
 * memory, where a filter cannot see them.
 */
export const absentCalls: Record<string, Numbers> = {
  clone3: [435, 435],
  openat2: [437, 437],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
};

/** Judged by their arguments. */
export const judgedCalls = {
  clone: [56, 220],
  socket: [41, 198],
  socketpair: [53, 199],
  ioctl: [16, 29],
  chmod: [90, null],
  fchmod: [91, 52],
  fchmodat: [268, 53],
  fchmodat2: [452, 452],
  mknod: [133, null],
  mknodat: [259, 33],
  creat: [85, null],
  open: [2, null],
  openat: [257, 56],
} as const satisfies Record<string, Numbers>;
export type JudgedCall = keyof typeof judgedCalls;

/** The highest number that these tables were checked against (Linux 6.18, `file_setattr`): later calls get ENOSYS. */
export const lastKnownCall = 469;

/** `AUDIT_ARCH_*` of linux/audit.h. */
export const auditArchitecture: Record<Machine, number> = { x64: 0xc000_003e, arm64: 0xc000_00b7 };

/** What the launcher calls by number: unshare, mount, setgroups, setresgid, setresuid, setns, sendmsg. */
export const launcherCalls: Record<Machine, readonly number[]> = {
  x64: [272, 165, 116, 119, 117, 308, 46],
  arm64: [97, 40, 159, 149, 147, 268, 211],
};

/** The number of a call on a machine, or null where it has none. */
export function callNumber(numbers: Numbers, machine: Machine): number | null {
  return numbers[machine === 'x64' ? 0 : 1];
}
