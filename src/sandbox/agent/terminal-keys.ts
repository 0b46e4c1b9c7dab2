import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import type { Perl } from './pipes.ts';

/**
 * gVisor's terminals before 2023 make no signals of ^C, ^\ and ^Z, and none of its versions says which group of processes a
 * terminal has in front. Only a process of the terminal's session may ask. So one stays there, a child of nobody: for each byte
 * on descriptor 4 it answers one on 5. A byte below 128 is a key: it does what the line discipline would do with it (termios(3):
 * ISIG, NOFLSH, ECHO, ECHOCTL), and says whether it was one of those. From 128 on it is a signal for the group in front, where
 * that is not the program's own.
 *
 * Perl, for a program that has `$master`, `$path` of the other end, and is about to become the program.
 */
export const watchKeys = String.raw`
sub act {
  my ($leader, $master, $path, $byte) = @_;
  sysopen(my $slave, $path, 2 | 0400 | 04000) or return '0';
  my $group = pack('i', 0);
  ioctl($slave, 0x540F, $group) or return '0';
  $group = unpack('i', $group);
  return '0' if $group < 2;
  if ($byte >= 128) { kill(-($byte - 128), $group) if $group != $leader; return '1' }
  my $all = "\0" x 36;
  ioctl($master, 0x5401, $all) or return '0';
  my ($input, $output, $control, $local, $line, @keys) = unpack('L4 C C19', $all);
  return '0' unless $local & 1;
  my %signals = (0 => 2, 1 => 3, 10 => 20);
  for my $which (keys %signals) {
    next unless $keys[$which] && $keys[$which] == $byte;
    if (!($local & 0x80)) {
      # What was typed and not read yet is dropped: without lines it can be read.
      my $raw = pack('L4 C C19', $input, $output, $control, $local & ~2, $line, @keys);
      ioctl($master, 0x5402, $raw);
      1 while sysread($slave, my $dropped, 4096);
      ioctl($master, 0x5402, $all);
    }
    syswrite($slave, $local & 0x200 && $byte < 32 ? '^' . chr($byte + 64) : chr($byte)) if $local & 8;
    kill(-$signals{$which}, $group);
    return '1';
  }
  return '0';
}
{
  my $leader = $$; # not in a list with fork, which would have it read after that
  my $child = fork;
  if (defined $child && !$child) {
    my $watcher = fork;
    exit 0 if !defined $watcher || $watcher;
    setpgrp(0, 0);
    $SIG{$_} = 'IGNORE' for qw(HUP INT QUIT TERM TSTP TTIN TTOU);
    close($slave); close(STDIN); close(STDOUT); close(STDERR);
    open(my $in, '<&=', 4); open(my $out, '>&=', 5);
    while (sysread($in, my $byte, 1)) { syswrite($out, act($leader, $master, $path, ord($byte))) }
    exit 0;
  }
  waitpid($child, 0) if defined $child;
  for my $fd (4, 5) { open(my $f, '<&=', $fd) and close($f) }
}
`;

/** Says `1` where the kernel makes a signal of ^C at a terminal of its own, `0` where the byte can be read. */
const probe = String.raw`
my $number = pack('i', 0);
sysopen(my $master, '/dev/ptmx', 2 | 0400) or die;
ioctl($master, 0x40045431, $number); ioctl($master, 0x80045430, $number);
sysopen(my $slave, '/dev/pts/' . unpack('i', $number), 2 | 04000) or die;
ioctl($slave, 0x540E, 0);
my $all = "\0" x 36;
ioctl($slave, 0x5401, $all) or die;
my @all = unpack('L4 C C19', $all);
$all[3] = 1;
ioctl($slave, 0x5402, pack('L4 C C19', @all)) or die;
my $made = 0;
$SIG{HUP} = 'IGNORE'; $SIG{INT} = sub { $made = 1 };
syswrite($master, "\3");
for (1 .. 500) { last if $made || sysread($slave, my $byte, 1); select(undef, undef, undef, 0.004) }
print $made;
`;

let kernelMakesSignals: Promise<boolean> | null = null;

/** Tried once. Where it cannot be told, nothing is done in the kernel's place. */
function makesSignals([perl, ...words]: Perl): Promise<boolean> {
  return (kernelMakesSignals ??= new Promise((resolve) => {
    // A session of its own, of which that terminal becomes the one.
    const child = spawn(perl, [...words, '-e', probe], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('error', () => resolve(true));
    child.once('close', () => resolve(said !== '0'));
  }));
}

/** Control characters but those that no terminal has for a signal: backspace, tab, line feed, carriage return, escape. */
const isKey = (byte: number) => byte < 32 && ![8, 9, 10, 13, 27].includes(byte);

/** What is typed at a terminal, with a watcher in its session (`watchKeys`). */
export class WatchedInput extends Writable {
  readonly #master: ReadStream;
  readonly #perl: Perl;
  readonly #ask: Socket;
  readonly #answers: Socket;
  #waiting: ((answer: string) => void)[] = [];

  constructor(master: ReadStream, watcher: { ask: Socket; answers: Socket }, perl: Perl) {
    super();
    this.#master = master;
    this.#perl = perl;
    ({ ask: this.#ask, answers: this.#answers } = watcher);
    this.#answers.on('data', (chunk: Buffer) => {
      for (const answer of chunk.toString('latin1')) this.#waiting.shift()?.(answer);
    });
    this.#answers.once('close', () => this.#waiting.splice(0).forEach((each) => each('0')));
    for (const pipe of [this.#ask, this.#answers]) pipe.on('error', () => pipe.destroy());
    master.once('close', () => this.destroy());
  }

  /** To the group in front, where that is not the program's own. */
  signal(number: number): void {
    void this.#tell(128 + number);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#pass(chunk).then(done, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.release();
    this.#master.destroy();
    done(error);
  }

  /** Lets the watcher end. */
  release(): void {
    this.#ask.destroy();
    this.#answers.destroy();
  }

  async #pass(chunk: Buffer): Promise<void> {
    let from = 0;
    for (const [at, byte] of chunk.entries()) {
      if (!isKey(byte) || (await makesSignals(this.#perl))) continue;
      await this.#type(chunk.subarray(from, at));
      from = (await this.#tell(byte)) === '1' ? at + 1 : at;
    }
    await this.#type(chunk.subarray(from));
  }

  #type(chunk: Buffer): Promise<void> {
    if (chunk.length === 0 || this.#master.destroyed) return Promise.resolve();
    return new Promise((resolve) => void this.#master.write(chunk, () => resolve()));
  }

  #tell(byte: number): Promise<string> {
    if (this.#answers.destroyed || !this.#ask.writable) return Promise.resolve('0');
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#ask.write(Buffer.of(byte));
    });
  }
}
