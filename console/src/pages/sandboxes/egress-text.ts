import type { Answer } from '../../../../src/contract/operations.ts';

export type Egress = Answer<'rotateEgressToken'>;

/** Where the driver says that the certificate is; a container can have it there, a shell keeps it where one is. */
const caPath = '/etc/standin/ca.pem';

export const targets = [
  ['shell', 'Shell'],
  ['docker', 'Docker'],
  ['compose', 'Compose'],
  ['kubernetes', 'Kubernetes'],
] as const;

export type Target = (typeof targets)[number][0];

export interface Step {
  title: string;
  text: string;
}

/** What to run, or to write into which file, so that a sandbox elsewhere goes through the proxy. */
export function stepsFor(target: Target, { env, ca_pem: ca }: Egress): Step[] {
  const file = `cat > standin-ca.pem <<'PEM'\n${ca.trim()}\nPEM`;
  if (target === 'shell') {
    const lines = Object.entries(env).map(([name, value]) =>
      value === caPath ? `export ${name}="$PWD/standin-ca.pem"` : `export ${name}=${quoted(value)}`,
    );
    return [
      { title: 'Save the certificate', text: file },
      { title: 'Set the variables in this shell', text: lines.join('\n') },
    ];
  }
  const envFile = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const files: Step[] = [
    { title: 'Save the certificate', text: file },
    {
      title: 'Save the variables, for nobody else to read',
      text: `(umask 077; cat > standin.env) <<'ENV'\n${envFile.join('\n')}\nENV`,
    },
  ];
  return [...files, ...last[target]];
}

const last: Record<Exclude<Target, 'shell'>, Step[]> = {
  docker: [
    {
      title: 'Run',
      text: `docker run --rm --env-file standin.env \\\n  -v "$PWD/standin-ca.pem:${caPath}:ro" IMAGE COMMAND`,
    },
  ],
  compose: [
    {
      title: 'compose.yaml',
      text: `services:
  agent:
    image: IMAGE
    command: COMMAND
    env_file: standin.env
    volumes:
      - ./standin-ca.pem:${caPath}:ro
    networks: [sandbox]

networks:
  sandbox:
    internal: true`,
    },
  ],
  kubernetes: [
    {
      title: 'Put both into the cluster',
      text: `kubectl create secret generic standin-env --from-env-file=standin.env
kubectl create configmap standin-ca --from-file=ca.pem=standin-ca.pem`,
    },
    {
      title: 'pod.yaml',
      text: `apiVersion: v1
kind: Pod
metadata:
  name: agent
  labels: { app: agent }
spec:
  automountServiceAccountToken: false
  containers:
    - name: agent
      image: IMAGE
      command: [COMMAND]
      envFrom:
        - secretRef: { name: standin-env }
      volumeMounts:
        - { name: standin-ca, mountPath: ${caPath.slice(0, caPath.lastIndexOf('/'))}, readOnly: true }
  volumes:
    - name: standin-ca
      configMap: { name: standin-ca }`,
    },
  ],
};

/** For a POSIX shell. */
function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
