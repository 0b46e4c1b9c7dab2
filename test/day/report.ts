import { claims } from './claims.ts';
import type { Claim } from './claims.ts';
import type { DayReport } from './day.ts';

const grouped = (value: number) => value.toLocaleString('en');

export function dayText(report: DayReport): string {
  const { findings, jobs, requests, searched } = report;
  const sections = [
    [`A day of ${report.minutes} min; Node ${process.version}, ${report.seconds} s with set-up and checks`],
    ['Claims (checks, violations)', ...claimNames.map((claim) => claimLine(claim, report))],
    [
      'Requests (arrived, refused)',
      ...[...requests].map(([host, count]) => `  ${host}: ${grouped(count.arrived)}, ${grouped(count.refused)}`),
    ],
    [
      'What happened',
      `  ${jobs.claude} jobs of claude, ${jobs.codex} of codex`,
      ...report.events.map((each) => `  ${each}`),
    ],
    [
      `Searched inside ${report.searches} times; at last ${grouped(searched.files)} files with ${megabytes(searched.bytes - searched.memory)}, ` +
        `and ${megabytes(searched.memory)} of memory of ${searched.processes} processes: ${grouped(searched.controls)} stand-ins`,
    ],
    findings.total === 0
      ? ['Nothing was violated.']
      : [`${findings.total} violations`, ...findings.kept.map(({ invariant, detail }) => `  ${invariant}: ${detail}`)],
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** Claims that nothing was held against: a day that shows nothing of them has failed. */
export function unseenClaims({ findings }: DayReport): Claim[] {
  return claimNames.filter((claim) => findings.checksOf(claim) === 0);
}

const claimNames = Object.keys(claims).filter((name) => isClaim(name));

function isClaim(name: string): name is Claim {
  return name in claims;
}

function claimLine(claim: Claim, { findings }: DayReport): string {
  const checks = findings.checksOf(claim);
  const violations = findings.countOf(claim);
  const state = violations > 0 ? 'FAILED' : checks > 0 ? 'holds ' : 'unseen';
  return `  ${state} ${grouped(checks).padStart(13)} ${grouped(violations).padStart(6)}  ${claims[claim]}`;
}

function megabytes(bytes: number): string {
  return `${grouped(Math.round(bytes / 1e6))} MB`;
}
