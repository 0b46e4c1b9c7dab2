export const systems = [
  ['debian', 'Debian, Ubuntu'],
  ['fedora', 'Fedora, RHEL'],
  ['alpine', 'Alpine'],
  ['macos', 'macOS'],
  ['windows', 'Windows'],
  ['node', 'Node'],
  ['python', 'Python'],
  ['java', 'Java'],
  ['git', 'Git, curl'],
] as const;

export type System = (typeof systems)[number][0];

/** `ORIGIN` is where the console was opened. */
const fetchIt = { title: 'Get it', text: 'curl -fsS -o standin-ca.pem ORIGIN/ca.pem' };

export const trustSteps: Record<System, readonly { title: string; text: string }[]> = {
  debian: [
    fetchIt,
    {
      title: 'Trust it',
      text: 'cp standin-ca.pem /usr/local/share/ca-certificates/standin-ca.crt\nupdate-ca-certificates',
    },
  ],
  fedora: [
    fetchIt,
    { title: 'Trust it', text: 'cp standin-ca.pem /etc/pki/ca-trust/source/anchors/standin-ca.pem\nupdate-ca-trust' },
  ],
  alpine: [
    { title: 'Get it', text: 'wget -O standin-ca.pem ORIGIN/ca.pem' },
    {
      title: 'Trust it',
      text: 'apk add ca-certificates\ncp standin-ca.pem /usr/local/share/ca-certificates/standin-ca.crt\nupdate-ca-certificates',
    },
  ],
  macos: [
    fetchIt,
    {
      title: 'Trust it, in a virtual machine that is for this alone',
      text: 'sudo security add-trusted-cert -d -r trustRoot \\\n  -k /Library/Keychains/System.keychain standin-ca.pem',
    },
  ],
  windows: [
    { title: 'Get it, in PowerShell', text: 'Invoke-WebRequest ORIGIN/ca.pem -OutFile standin-ca.pem' },
    { title: 'Trust it, as an administrator', text: 'certutil -addstore -f Root standin-ca.pem' },
  ],
  node: [fetchIt, { title: 'For every Node process', text: 'export NODE_EXTRA_CA_CERTS="$PWD/standin-ca.pem"' }],
  python: [
    fetchIt,
    {
      title: 'A bundle with the system’s own, for requests, httpx and pip',
      text: 'cat /etc/ssl/certs/ca-certificates.crt standin-ca.pem > bundle.pem\nexport SSL_CERT_FILE="$PWD/bundle.pem" REQUESTS_CA_BUNDLE="$PWD/bundle.pem" PIP_CERT="$PWD/bundle.pem"',
    },
  ],
  java: [
    fetchIt,
    {
      title: 'Into the trust store of the JDK',
      text: 'keytool -importcert -noprompt -cacerts -storepass changeit \\\n  -alias standin -file standin-ca.pem',
    },
  ],
  git: [
    fetchIt,
    {
      title: 'For this shell',
      text: 'export GIT_SSL_CAINFO="$PWD/standin-ca.pem" CURL_CA_BUNDLE="$PWD/standin-ca.pem"',
    },
  ],
};
