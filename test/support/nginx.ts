import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerCertificate } from './certificates.ts';
import { freePort } from './ports.ts';
import { startProgram, waitForPort, waitUntil } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

/** A real nginx, as Debian packages it, in a directory of its own. */
export interface Nginx {
  /** Of its master process. */
  pid: number;
  stop(): Promise<void>;
}

/** What its configuration may hold beside what every one here has. */
export interface NginxConfig {
  /** The inside of `http { … }`. */
  http: string;
  /** Files written beside it, by relative path; directives name them by that path. */
  files?: Record<string, string | Buffer>;
  /** A command that runs nginx, such as `taskset -c 0`. */
  launcher?: string[];
}

/** Starts nginx with one worker in the foreground; resolves when it accepts on `port`. */
export async function runNginx(config: NginxConfig, port: number): Promise<Nginx & { directory: string }> {
  const directory = temporaryDirectory('nginx');
  for (const [path, content] of Object.entries(config.files ?? {})) {
    mkdirSync(join(directory.path, path, '..'), { recursive: true });
    writeFileSync(join(directory.path, path), content, { mode: 0o600 });
  }
  writeFileSync(join(directory.path, 'nginx.conf'), mainConfig(config.http));
  const [command, ...args] = [
    ...(config.launcher ?? []),
    'nginx',
    '-p',
    directory.path,
    '-c',
    'nginx.conf',
    '-e',
    'stderr',
  ];
  const program = await startProgram(command, args);
  try {
    await waitForPort(port, { program });
  } catch (error) {
    await program.stop('SIGKILL');
    directory.remove();
    throw error;
  }
  return {
    pid: program.pid,
    directory: directory.path,
    stop: async () => {
      await program.stop();
      directory.remove();
    },
  };
}

function mainConfig(http: string): string {
  // As root, nginx would read its files as `nobody`, who may not enter a 0700 directory.
  const user = process.getuid?.() === 0 ? 'user root root;' : '';
  const temporaryPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (each) => `${each}_temp_path ${each};`,
  );
  return `
    ${user} daemon off; worker_processes 1; pid nginx.pid; worker_rlimit_nofile 16384;
    events { worker_connections 8192; }
    http { access_log off; ${temporaryPaths.join(' ')} ${http} }`;
}

/** One request as nginx logged it; a header that was not sent is the empty string. */
export interface NginxLogEntry {
  host: string;
  method: string;
  target: string;
  status: number;
  /** By lower-case name: those that were asked for. */
  headers: Record<string, string>;
}

/** nginx as a TLS upstream that logs what it received. */
export interface NginxUpstream extends Nginx {
  port: number;
  log(): NginxLogEntry[];
  /** nginx logs a request after its response is sent. Resolves when an entry fits; throws after 10 s. */
  waitForLog(fits: (entry: NginxLogEntry) => boolean): Promise<NginxLogEntry>;
}

export interface NginxHost {
  name: string;
  certificate: ServerCertificate;
  /** Directives inside `server { … }`: locations and `return`s. */
  directives: string;
}

/** Header names that are logged where the caller does not say. */
const loggedHeaders = ['Authorization', 'X-Api-Key', 'User-Agent', 'Cookie', 'Content-Type'];

/** Serves several names by SNI on one loopback port. */
export async function startNginxUpstream(
  hosts: NginxHost[],
  headers: string[] = loggedHeaders,
): Promise<NginxUpstream> {
  const port = await freePort();
  const fields = headers.map((name) => `"${name.toLowerCase()}":"$http_${name.toLowerCase().replaceAll('-', '_')}"`);
  const format = `{"host":"$host","method":"$request_method","target":"$request_uri","status":$status,"headers":{${fields.join(',')}}}`;
  const servers = hosts.map(
    ({ name, directives }) => `server {
      listen 127.0.0.1:${port} ssl; server_name ${name}; access_log access.log entry;
      ssl_certificate ${name}.pem; ssl_certificate_key ${name}.key;
      ${directives}
    }`,
  );
  const files = hosts.flatMap(({ name, certificate }) => [
    [`${name}.pem`, certificate.certPem],
    [`${name}.key`, certificate.keyPem],
  ]);
  const http = `log_format entry escape=json '${format}'; ${servers.join('\n')}`;
  const nginx = await runNginx({ http, files: Object.fromEntries(files) }, port);
  const log = () =>
    readFileSync(join(nginx.directory, 'access.log'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line): NginxLogEntry => JSON.parse(line));
  return {
    ...nginx,
    port,
    log,
    waitForLog: async (fits) => {
      await waitUntil(() => log().some(fits), { what: 'nginx to log the request' });
      const entry = log().find(fits);
      if (entry === undefined) throw new Error('the log was cut');
      return entry;
    },
  };
}
