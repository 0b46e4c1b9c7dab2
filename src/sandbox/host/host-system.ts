import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { resolveWithin } from '../templates/within.ts';
import { inside, ownLinks } from './inside.ts';
import { etcFiles } from './skeleton.ts';
import { toolEnvironment } from './tools.ts';

/** What of a tree, the host's own or a template, a sandbox gets to see. Paths are of the tree. */
export interface SystemTree {
  /** Shown as they are, read-only. */
  shown: string[];
  links: { path: string; target: string }[];
  /** Where our bundle of trusted roots goes. */
  bundles: string[];
  bash: boolean;
  java: boolean;
  ipv6: boolean;
  own: OwnPrograms;
}

/** How our own programs are run on a tree, as the first words of a command line. */
export interface OwnPrograms {
  node: string[];
  perl: string[];
  /** Files of the host that they need on a tree that may lack them, or have them of another kind. */
  files: { source: string; target: string }[];
}

const rootNames = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
const etcNames = [
  'alternatives',
  'debian_version',
  'fonts',
  'inputrc',
  'java',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'locale.alias',
  'localtime',
  'lsb-release',
  'magic',
  'magic.mime',
  'mime.types',
  'networks',
  'os-release',
  'perl',
  'protocols',
  'rpc',
  'services',
  'ssl/certs',
  'ssl/openssl.cnf',
  'terminfo',
  'timezone',
];
const etcPatterns = [/^python3(\.\d+)?$/, /^java-\d+-openjdk$/];
/** Where distributions other than Debian keep the trusted roots. */
const otherBundles = [
  '/etc/ssl/cert.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
];
/** Of a template: what each sandbox has of its own, and what no program inside has a use for. */
const notShown = [
  '/boot',
  '/dev',
  '/home',
  '/lost+found',
  '/proc',
  '/root',
  '/run',
  '/sys',
  '/tmp',
  ...ownLinks.map(({ path }) => path),
];
/** Where something of ours goes: what is above it cannot be shown as a whole unless the place is there already. */
const ownPlaces = [...etcFiles.map((name) => `/etc/${name}`), inside.bundle, '/opt/standin', ...notShown];

/** An allow-list of the host's own tree: what programs need and is nobody's secret. */
export function readHostSystem(): SystemTree {
  const found = rootNames.filter((path) => existsSync(path));
  const links = found.filter((path) => lstatSync(path).isSymbolicLink());
  const matching = readdirSync('/etc').filter((name) => etcPatterns.some((pattern) => pattern.test(name)));
  // Without the distribution's bundle in it, the directory could not take ours.
  const certs = existsSync(inside.bundle);
  return {
    shown: [
      '/usr',
      ...found.filter((path) => !links.includes(path)),
      ...[...etcNames, ...matching]
        .filter((name) => name !== 'ssl/certs' || certs)
        .map((name) => `/etc/${name}`)
        .filter((path) => existsSync(path)),
    ],
    links: links.map((path) => ({ path, target: readlinkSync(path) })),
    bundles: [inside.bundle, ...otherBundles.filter((path) => isFile(path))],
    bash: existsSync('/bin/bash'),
    java: existsSync('/usr/bin/java'),
    ipv6: hasIpv6(),
    own: { node: [inside.node], perl: ['/usr/bin/perl'], files: [] },
  };
}

/**
 * All of a template's tree but what each sandbox has of its own, and what is in the way of `mounted`, paths inside where more will
 * be mounted. `root`: on the server's disk.
 */
export function readTemplateSystem(root: string, mounted: readonly string[]): SystemTree {
  const tree: Pick<SystemTree, 'shown' | 'links'> = { shown: [], links: [] };
  // A link leads to a file that is replaced, or to where it leads inside; on the server's disk none is followed.
  const isThere = (path: string) => resolveWithin(root, path) === join(root, path) && isFile(join(root, path));
  // Debian's way to the bundle leads through a link where the package was never configured.
  const bundles = [inside.bundle, ...otherBundles.filter(isThere)];
  const own = ownPlaces.filter((path) => !bundles.includes(path) || !isThere(path));
  showBelow(root, '/', { tree, own: [...own, ...mounted] });
  return {
    ...tree,
    bundles,
    bash: resolveWithin(root, '/bin/bash') !== null,
    java: resolveWithin(root, '/usr/bin/java') !== null,
    ipv6: hasIpv6(),
    own: carriedPrograms(),
  };
}

/** Shows each entry of a directory as a whole, and goes into those that hold a place of ours. */
function showBelow(
  root: string,
  directory: string,
  { tree, own }: { tree: Pick<SystemTree, 'shown' | 'links'>; own: readonly string[] },
): void {
  for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (own.includes(path)) continue;
    // A place of ours that lies behind a link is made where it is, and not where that leads.
    if (!entry.isDirectory() && own.some((place) => place.startsWith(`${path}/`))) continue;
    if (entry.isSymbolicLink()) tree.links.push({ path, target: readlinkSync(join(root, path)) });
    else if (entry.isFile()) tree.shown.push(path);
    else if (entry.isDirectory()) {
      if (own.some((place) => place.startsWith(`${path}/`))) showBelow(root, path, { tree, own });
      else tree.shown.push(path);
    }
  }
}

/**
 * The server's Node and Perl with the host's own loader and libraries: a template may have another C library, an older
 * one, or none.
 */
function carriedPrograms(): OwnPrograms {
  const perl = '/usr/bin/perl';
  const libraries = new Map([process.execPath, perl].flatMap(librariesOf).map((source) => [basename(source), source]));
  const loader = [...libraries.keys()].find((name) => /^ld-linux|^ld64/.test(name));
  const files = [...libraries].map(([name, source]) => ({ source, target: `${inside.libraries}/${name}` }));
  files.push({ source: perl, target: inside.perl });
  const through = loader === undefined ? [] : [`${inside.libraries}/${loader}`, '--library-path', inside.libraries];
  return { node: [...through, inside.node], perl: [...through, inside.perl], files };
}

/** What ldd(1) names: the libraries and the loader of a program of the host. None where it is linked statically. */
function librariesOf(program: string): string[] {
  let text: string;
  try {
    text = execFileSync('ldd', [program], { env: toolEnvironment, encoding: 'utf8' });
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => /(?:=> |^\s*)(\/\S+) \(/.exec(line)?.[1] ?? []);
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', 'utf8').trim() === '0';
  } catch {
    return false;
  }
}
