import type { AuditAccount } from './audit-account.ts';
import type { FaultCounts } from './faults.ts';
import type { Ledger } from './ledger.ts';
import { heldKinds } from './memory.ts';
import type { Held, MemoryLine } from './memory.ts';
import type { SoakOptions } from './options.ts';
import { invariantNames, invariants } from './violations.ts';
import type { Findings, Invariant } from './violations.ts';

/** What came of a run. */
export interface Report {
  options: SoakOptions;
  node: string;
  /** With setting up and checking. */
  seconds: number;
  findings: Findings;
  ledger: Ledger;
  faults: FaultCounts;
  changes: { rotated: number; detached: number; failed: number };
  starts: number;
  upstreams: { received: number; resets: number };
  audit: AuditAccount & { remembered: number };
  written: { files: number; bytes: number; logBytes: number };
  held: { before: Held; after: Held };
  memory: MemoryLine[];
}

const grouped = (value: number) => value.toLocaleString('en');
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
/** Short-lived processes are counted, not listed. */
const listedSeconds = 60;

export function reportJson(report: Report): string {
  const { findings, ledger, faults, ...rest } = report;
  return JSON.stringify(
    {
      ...rest,
      requests: ledger.asked.length,
      outcomes: Object.fromEntries(ledger.counts),
      refusals: Object.fromEntries(ledger.codes),
      faults: Object.fromEntries(faults),
      invariants: rows(findings),
      violations: findings.kept,
    },
    null,
    2,
  );
}

export function reportText(report: Report): string {
  const { findings, options, audit, written, changes, held, upstreams } = report;
  const sections = [
    [
      `${options.minutes} min, ${options.database}, ${options.external} external and ${options.bubblewrap} bubblewrap sandboxes, ` +
        `${options.rate} requests a second, seed ${options.seed}; Node ${report.node}, ${report.seconds} s with set-up and checks`,
    ],
    ['Invariants (checks, violations)', ...rows(findings).map(invariantLine)],
    ['Requests', ...outcomeLines(report.ledger)],
    ['Refusals by code', ...counted(report.ledger.codes)],
    [
      'Faults (times, slowest recovery)',
      ...[...report.faults].map(([what, { times, slowest }]) => `  ${what}: ${times}, ${grouped(slowest)} ms`),
      `  connections that upstreams reset: ${grouped(upstreams.resets)}`,
      `  secrets rotated ${grouped(changes.rotated)} times, detached ${grouped(changes.detached)} times, ` +
        `${grouped(changes.failed)} of these calls failed; the server was started ${report.starts} times`,
    ],
    [
      'Audit trail',
      `  ${grouped(audit.events)} events, ${grouped(audit.gaps)} gaps`,
      `  ${grouped(audit.expected)} requests must be there: ${grouped(audit.found)} are, ${grouped(audit.inGaps)} fall into gaps, ` +
        `${grouped(audit.lost)} are missing without one; ${grouped(audit.repeated)} events are there twice`,
      `  ${grouped(audit.remembered)} events were read over the API and looked at again`,
    ],
    [
      'Searched',
      `  ${grouped(findings.checksOf('value_to_client'))} bytes that clients received, ${grouped(upstreams.received)} that upstreams did`,
      `  ${grouped(written.files)} files with ${megabytes(written.bytes)}, and ${megabytes(written.logBytes)} of the server's output`,
    ],
    ['Memory', ...memoryLines(report.memory)],
    [
      'Held before the load, and after',
      ...heldKinds.map((each) => `  ${each}: ${held.before[each]}, ${held.after[each]}`),
    ],
    violationLines(findings),
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function rows(findings: Findings): { invariant: Invariant; says: string; checks: number; violations: number }[] {
  return invariantNames.map((invariant) => ({
    invariant,
    says: invariants[invariant],
    checks: findings.checksOf(invariant),
    violations: findings.countOf(invariant),
  }));
}

function invariantLine({ says, checks, violations }: ReturnType<typeof rows>[number]): string {
  const state = violations > 0 ? 'FAILED' : checks > 0 ? 'holds ' : 'unseen';
  return `  ${state} ${grouped(checks).padStart(15)} ${grouped(violations).padStart(6)}  ${says}`;
}

function outcomeLines(ledger: Ledger): string[] {
  const open = ledger.asked.filter(({ outcome }) => outcome === 'open').length;
  return [
    `  ${grouped(ledger.asked.length)} in all, ${grouped(ledger.sightings)} seen by upstreams, ${grouped(ledger.valuesSeen)} of them with a value`,
    ...counted(ledger.counts),
    ...(open === 0 ? [] : [`  ended with the run: ${grouped(open)}`]),
  ];
}

function counted(counts: ReadonlyMap<string, number>): string[] {
  const sorted = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, count]) => `  ${name}: ${grouped(count)}`);
}

function memoryLines(lines: readonly MemoryLine[]): string[] {
  const listed = lines.filter(({ seconds }) => seconds >= listedSeconds);
  const shown = listed.map(({ name, pid, seconds, first, last, most, slope }) => {
    const trend = slope === null ? '' : `, ${(slope / 1e6).toFixed(2)} MB a minute once warm`;
    return `  ${name} ${pid}, ${Math.round(seconds)} s: ${megabytes(first)} at first, ${megabytes(last)} at last, ${megabytes(most)} at most${trend}`;
  });
  const others = lines.length - listed.length;
  return others === 0 ? shown : [...shown, `  and ${others} that lived less than ${listedSeconds} s`];
}

function violationLines(findings: Findings): string[] {
  if (findings.total === 0) return ['Nothing was violated.'];
  return [
    `${grouped(findings.total)} violations`,
    ...findings.kept.map(({ invariant, detail }) => `  ${invariant}: ${detail}`),
  ];
}
