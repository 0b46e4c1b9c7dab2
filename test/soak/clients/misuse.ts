import { makeCore } from '../../../src/stand-in.ts';
import { pathOf } from '../behaviours.ts';
import { credentialField, plainHost } from '../plan.ts';
import type { Box, World } from '../world.ts';
import { attempt } from './attempt.ts';
import { bindingOf, requestBytes } from './http1.ts';
import { openLine, readAnswer } from './line.ts';

type Field = [name: string, value: string];

/** Where a stand-in has no business, in some of its spellings. */
const misplacements: ((standIn: string) => { fields: Field[]; query: string; plain: boolean })[] = [
  (standIn) => ({ fields: [['X-Note', standIn]], query: '', plain: false }),
  (standIn) => ({
    fields: [['Cookie', `session=${Buffer.from(standIn).toString('base64')}`]],
    query: '',
    plain: false,
  }),
  (standIn) => ({ fields: [['Authorization', `Bearer ${standIn}`]], query: '', plain: true }),
  (standIn) => ({ fields: [], query: `?key=${standIn}`, plain: false }),
  (standIn) => ({
    fields: [],
    query: `?key=${Buffer.from(standIn).toString('hex').replaceAll(/../g, '%$&')}`,
    plain: false,
  }),
  (standIn) => ({ fields: [['Referer', `https://example.com/?key=${standIn}`]], query: '', plain: true }),
];

/** A stand-in of this sandbox in a place or at a host that its rule does not name. */
export async function misplace(world: World, box: Box): Promise<void> {
  const secret = world.random.pick(world.secretsOf(box.plan.index));
  const binding = bindingOf(box, secret);
  if (binding === null) return;
  const { fields, query, plain } = world.random.pick(misplacements)(binding.standIn);
  await forbidden(world, box, { kind: 'misplaced', host: plain ? plainHost : secret.host, fields, query });
}

/** A stand-in of another sandbox, in the right place, or one that nobody was ever given. */
export async function borrow(world: World, box: Box): Promise<void> {
  const secret = world.random.pick(world.secretsOf(box.plan.index).filter(({ scheme }) => scheme === 'bearer'));
  const another = [...world.boxes.values()].find(({ plan }) => plan.index !== box.plan.index);
  const theirs = another?.bindings.get(world.secretsOf(another.plan.index).at(0)?.index ?? -1);
  const standIn = theirs === null || theirs === undefined || world.random.once(2) ? makeCore('text') : theirs.standIn;
  const fields: Field[] = [credentialField('bearer', standIn)];
  await forbidden(world, box, { kind: 'borrowed', host: secret.host, fields, query: '' });
}

/** A proxy token that is not the sandbox's. */
export async function guess(world: World, box: Box): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${box.sandbox.id}:${makeCore('text')}`).toString('base64')}`;
  const stranger = { ...box, access: { ...box.access, authorization } };
  await forbidden(world, stranger, { kind: 'guessed', host: plainHost, fields: [], query: '' });
}

async function forbidden(
  world: World,
  box: Box,
  request: { kind: string; host: string; fields: Field[]; query: string },
): Promise<void> {
  const { kind, host, fields, query } = request;
  const intent = { box: box.plan.index, host, kind, binding: null, forbidden: true };
  await attempt(world, intent, async ({ number, onAbandoned }) => {
    const line = await openLine(world, box, { host, way: 'connect' });
    onAbandoned(() => line.close());
    try {
      line.socket.write(requestBytes({ host, path: `${pathOf(intent.box, number, 'empty')}${query}`, fields }));
      await readAnswer(world, line, number);
    } finally {
      line.close();
    }
  });
}
