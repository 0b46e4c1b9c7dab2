import { refusalHelp } from './refusal-help.ts';

/** What every client is told when it connects. */
export const instructions = [
  'Standin runs code that nobody trusts in sandboxes, with credentials that it never holds.',
  'A secret is bound to a variable of a sandbox (sandbox_create, secret_attach). Programs there see a stand-in: a worthless token of',
  'the same shape. The egress proxy swaps in the real value, only in requests to the hosts of the secret, only in its own header.',
  'Use the variable as if it held the key. Never ask a person for a value, never put one into a command, a file or a variable:',
  'no tool takes or returns one. Where a secret is missing, ask a person to run `standin secret create NAME`.',
  'Where a request fails with an X-Standin-Error header or a JSON `error.code`, look at network_log: it says what to do.',
].join('\n');

/** The resource `standin://guide`. */
export function guide(): string {
  const rows = Object.entries(refusalHelp).map(([code, help]) => `- \`${code}\`: ${help}`);
  return `# Working with Standin

${instructions}

## A task, step by step

1. \`secret_list\`: which secrets there are, and which hosts each may go to.
2. \`sandbox_create\` with \`secrets\`: variable → name. Give \`allow_out\` where the task needs few hosts.
3. \`file_write\` and \`exec\`. The stand-in is in the variable: \`curl -H "Authorization: Bearer $CRM_TOKEN" https://api.example.com/\`.
4. \`network_log\` where something was refused.
5. \`sandbox_delete\`.

## What a refusal means

${rows.join('\n')}
`;
}
