import { realpathSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { askYesNo, canAsk } from '../confirm.ts';
import type { Shape } from '../credentials/shapes.ts';
import { CliFailure } from '../failure.ts';
import type { Io } from '../io.ts';
import { parseMount } from '../run/mounts.ts';
import type { MountRequest } from '../run/mounts.ts';
import { cut, printable } from '../text.ts';
import { findProject } from './find.ts';
import type { FoundProject } from './find.ts';
import { parseProjectFile } from './schema.ts';
import type { ProjectFile } from './schema.ts';
import { isTrusted, remember } from './trust.ts';

/** What the project file asks for, agreed to by the person who runs it. */
export interface Project extends Omit<ProjectFile, 'mounts'> {
  path: string;
  mounts: MountRequest[];
}

/**
 * The project file that holds for `cwd`, if there is one. It may come with a repository that nobody has read: it says
 * which secrets are bound and what is mounted. So a person agrees to it before it is used, once for its content at its
 * place; where nobody can be asked, `trust` says so. A mount whose path is in the project but leads out of it, by a
 * link, can change without the file, and takes `trust` each time.
 */
export async function loadProject(
  io: Io,
  { shapes, trust }: { shapes: () => Promise<readonly Shape[]>; trust: boolean },
): Promise<Project | null> {
  const found = findProject(io.cwd);
  if (found === null) return null;
  const project = projectOf(found, await shapes());
  for (const { source } of project.mounts) {
    if (!trust && isWithin(source, found.root) && !isWithin(realPath(source), realPath(found.root))) {
      throw new CliFailure(`${found.path}: the mount ${source} is a link that leads out of the project`, {
        fix: `it leads to ${realPath(source)}; give --trust if that is meant`,
      });
    }
  }
  if (!trust && !isTrusted(io, found)) await ask(io, found, project);
  if (trust && !isTrusted(io, found)) remember(io, found.path, found.text);
  return project;
}

/** Parses it, its mounts taken from where it lies. Throws as `parseProjectFile` does. */
export function projectOf(found: FoundProject, shapes: readonly Shape[]): Project {
  const file = parseProjectFile(found.path, found.text, shapes);
  return { ...file, path: found.path, mounts: (file.mounts ?? []).map((text) => parseMount(text, found.root)) };
}

async function ask(io: Io, found: FoundProject, project: Project): Promise<void> {
  if (!canAsk(io)) {
    throw new CliFailure(`${found.path} has not been agreed to as it is now`, {
      fix: 'read it, then run `standin trust` here, or give --trust; --no-project goes without it',
    });
  }
  io.stderr.write(`${found.path} is new, or has changed. It asks for:\n${summaryOf(project, found.root)}`);
  if (!(await askYesNo(io, 'Use it from now on, until it changes?'))) {
    throw new CliFailure(`${found.path} was not used`, { fix: '--no-project goes without it' });
  }
  remember(io, found.path, found.text);
}

/** Of a line: a longer one would hide those before it. */
const mostColumns = 140;

/**
 * What somebody who agrees agrees to, a line each, the gravest last, where it stands right above the question; mounts from
 * outside the project stand out.
 */
export function summaryOf(project: Project, root: string): string {
  const { secrets = {}, env = {}, network = {}, mounts } = project;
  const lines: [string, string | undefined][] = [
    ...Object.entries(env).map(([key, value]): [string, string] => ['variable', `${key}=${value}`]),
    ['driver', project.driver],
    ['template', project.template],
    ['ends after', project.timeout === undefined ? undefined : `${project.timeout} s`],
    ['may not', network.deny_out?.join(', ')],
    ['TLS opened', network.intercept === 'bound' ? 'to the hosts of its secrets' : undefined],
    ['never opened', network.tunnel_out?.join(', ')],
    ['may reach', network.allow_out?.join(', ')],
    ...mounts.map(({ source, target, read_only: readOnly }): [string, string] => [
      'mount',
      `${source}${target === source ? '' : ` as ${target}`}${readOnly ? ', read-only' : ', WRITABLE'}${
        isWithin(source, root) ? '' : ' (OUTSIDE the project)'
      }`,
    ]),
    ...Object.entries(secrets).map(([key, name]): [string, string] => ['secret', `${name}, as ${key}`]),
  ];
  const shown = lines.filter(([, value]) => value !== undefined);
  if (shown.length === 0) return '  nothing\n';
  return shown.map(([name, value]) => `${cut(`  ${name.padEnd(12)}  ${printable(value)}`, mostColumns)}\n`).join('');
}

function isWithin(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith('../') && resolve(root, way) === path);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
