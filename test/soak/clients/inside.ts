import { upstreamMark, echoes, pathOf } from '../behaviours.ts';
import type { Behaviour } from '../behaviours.ts';
import { insideKind } from '../ledger.ts';
import type { Asked, Intent } from '../ledger.ts';
import type { PlannedSecret, Scheme } from '../plan.ts';
import type { Box, World } from '../world.ts';
import { judgeEcho, timeLimitMs, watchReceived } from './attempt.ts';
import { bindingOf } from './http1.ts';

const atOnce = 3;
const curlLimitSeconds = 25;
/** Longer than the command may take with all of them. */
const execLimitSeconds = 90;

/** The argument of curl that puts the stand-in of a variable into its slot. */
const slotArguments: Record<Scheme, (envKey: string) => string> = {
  bearer: (envKey) => `-H "Authorization: Bearer $${envKey}"`,
  basic: (envKey) => `-u "me:$${envKey}"`,
  'api-key': (envKey) => `-H "X-Key: $${envKey}"`,
};

/** Has curl send a few requests inside a bubblewrap sandbox, through its namespace; what it printed is read here. */
export async function curlInside(world: World, box: Box): Promise<void> {
  const secrets = world.secretsOf(box.plan.index);
  const requests = Array.from({ length: atOnce }, () => {
    const secret = world.random.pick(secrets);
    const behaviour = world.random.pick<Behaviour>([...echoes, 'trickle', 'reset-body', 'empty']);
    const intent: Intent = {
      box: box.plan.index,
      host: secret.host,
      kind: insideKind,
      binding: bindingOf(box, secret),
      forbidden: false,
    };
    return { secret, behaviour, intent, number: world.ledger.ask(intent) };
  });
  const command = requests.map((request) => curlLine(box, request)).join('\n');
  let printed: string;
  try {
    const { stdout } = await world.server.client.exec(
      box.sandbox,
      { command, timeout_s: execLimitSeconds },
      { signal: AbortSignal.timeout(execLimitSeconds * 1000 + timeLimitMs) },
    );
    printed = stdout;
  } catch (error) {
    const hung = error instanceof Error && error.name === 'TimeoutError';
    for (const { number } of requests) {
      if (hung) world.ledger.hung(number, 'the command has not ended');
      else world.ledger.broken(number);
    }
    return;
  }
  watchReceived(world.findings, `curl in sandbox ${box.plan.index}`)(Buffer.from(printed));
  for (const request of requests) readPrinted(world, request, printed);
}

function curlLine(
  box: Box,
  { secret, behaviour, number }: { secret: PlannedSecret; behaviour: Behaviour; number: number },
) {
  const url = `https://${secret.host}${pathOf(box.plan.index, number, behaviour)}`;
  const slot = slotArguments[secret.scheme](secret.envKey);
  return `echo; echo "== ${number}"; curl -sS -i --http1.1 --compressed -m ${curlLimitSeconds} ${slot} ${url}; code=$?; echo; echo "== end $code $(date +%s%3N)"`;
}

/** What curl printed of one request: heads, then the content. */
function readPrinted(
  world: World,
  { number, intent, behaviour }: { number: number; intent: Intent; behaviour: Behaviour },
  printed: string,
): Asked | undefined {
  const { ledger } = world;
  const own = printed.split(`\n== ${number}\n`)[1]?.split('\n== end ') ?? [];
  const [text = '', rest = ''] = own;
  const head = text.split('\r\n\r\n').find((each) => /^HTTP\/1\.1 (?!1\d\d)/.test(each));
  const status = Number(head?.split(' ')[1]);
  const refusal = /^x-standin-error: (.*?)\r?$/im.exec(head ?? '')?.[1];
  if (head === undefined) ledger.broken(number);
  else if (head.toLowerCase().includes(upstreamMark)) ledger.answered(number);
  else ledger.refused(number, { status, code: refusal });
  const [, code = '', ended = ''] = /^(\d+) (\d+)$/m.exec(rest) ?? [];
  // Others were asked one after the other before the command was over.
  if (ended !== '') ledger.finished(number, Number(ended));
  const whole = code === '0';
  if (ledger.asked[number]?.outcome === 'answered' && whole && behaviour.startsWith('echo-')) {
    judgeEcho(world.findings, { ...intent, number }, text);
  }
  return ledger.asked[number];
}
