import { spawn } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { release, version } from 'node:os';
import { ReadStream } from 'node:tty';
import type { Perl } from './pipes.ts';
import type { TerminalSize } from './protocol.ts';
import { watchKeys } from './terminal-keys.ts';

/**
 * A pseudo-terminal. Node can open the master and read and write it; what needs ioctl (unlock, size, controlling
 * terminal) is done by a few lines of Perl that then become the process itself, so that its id, signals and exit are
 * its own. `perl-base` is in every Debian and Ubuntu.
 */
export interface Terminal {
  /** Descriptor of the master, handed to the process as number 3. */
  fd: number;
  master: ReadStream;
  resize(size: TerminalSize): void;
}

/** `size`: the one that it is given at first. `resized`: tells the processes of another, where the kernel does not. */
export function openTerminal([perl, ...words]: Perl, size: TerminalSize, resized: () => void): Terminal {
  const fd = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  let last = size;
  const master = new ReadStream(fd);
  return {
    fd,
    master,
    resize: inTurn((next, done) => {
      // Nothing is told of a size that it has already (tty_do_resize of Linux).
      if (master.destroyed || (next.columns === last.columns && next.rows === last.rows)) return done();
      last = next;
      // The size is of the terminal, whichever end it is set at; the kernel sends SIGWINCH, but for gVisor's.
      const sizes = [String(next.columns), String(next.rows)];
      const child = spawn(perl, [...words, '-e', setSize, ...sizes], { stdio: ['ignore', 'ignore', 'ignore', fd] });
      const over = () => {
        if (isGvisor()) resized();
        done();
      };
      child.once('error', over).once('exit', over);
    }),
  };
}

/** What gVisor's kernel says of itself, in every version (syslog.go, uname). */
export function isGvisor(): boolean {
  return release() === '4.4.0' && version() === '#1 SMP Sun Jan 10 15:06:54 PST 2016';
}

/** One at a time, and of those that came meanwhile only the last: two processes would set their sizes in any order. */
export function inTurn<Value>(act: (value: Value, done: () => void) => void): (value: Value) => void {
  let isUnderWay = false;
  let next: { value: Value } | null = null;
  const begin = (value: Value) => {
    isUnderWay = true;
    act(value, () => {
      isUnderWay = false;
      const following = next;
      next = null;
      if (following !== null) begin(following.value);
    });
  };
  return (value) => {
    if (isUnderWay) next = { value };
    else begin(value);
  };
}

/** The command line that runs a program in the terminal whose master is descriptor 3; `watched`: with a process that watches its keys. */
export function inTerminal(
  [perl, ...words]: Perl,
  { size, watched }: { size: TerminalSize; watched: boolean },
  argv: string[],
): [string, string[]] {
  const program = takeTerminal(watched ? watchKeys : '');
  return [perl, [...words, '-e', program, String(size.columns), String(size.rows), ...argv]];
}

const setSize = String.raw`
my ($columns, $rows) = @ARGV;
open(my $master, '+<&=', 3) or exit 1;
ioctl($master, 0x5414, pack('S4', $rows, $columns, 0, 0));
`;

// ENOENT is 2. TIOCSPTLCK, TIOCSWINSZ, TIOCGPTN and TIOCSCTTY of asm-generic/ioctls.h, the same on x86-64 and arm64.
const takeTerminal = (more: string) => String.raw`
my ($columns, $rows) = splice(@ARGV, 0, 2);
open(my $master, '+<&=', 3) or die; my $number = pack('i', 0);
ioctl($master, 0x40045431, $number) or die "terminal: $!\n";
ioctl($master, 0x5414, pack('S4', $rows, $columns, 0, 0)) or die "terminal: $!\n";
ioctl($master, 0x80045430, $number) or die "terminal: $!\n";
my $path = '/dev/pts/' . unpack('i', $number);
sysopen(my $slave, $path, 2) or die "terminal: $!\n";
ioctl($slave, 0x540E, 0);
${more}
close($master);
open(STDIN, '<&', $slave); open(STDOUT, '>&', $slave); open(STDERR, '>&', $slave); close($slave);
exec { $ARGV[0] } @ARGV or do { print STDERR "$ARGV[0]: $!\n"; exit($! == 2 ? 127 : 126) };
`;
