import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { skipWithout } from '../../support/processes.ts';
import { normalised, playScenes, scenes, typedValue } from './screens.ts';

const folder = new URL('fixtures/', import.meta.url);
/** A time that takes more room moves the columns after it. */
const withoutGaps = (text: string) => text.replaceAll(/ +/g, ' ');

test(
  'the screens of a real terminal are those that `npm run screens` wrote, and a typed value is on none of them',
  { skip: skipWithout('tmux') },
  async () => {
    const different: string[] = [];
    await playScenes((scene, screen, terminal) => {
      const expected = readFileSync(new URL(`${scene.name}.txt`, folder), 'utf8');
      const shown = `${normalised(screen)}\n`;
      if (withoutGaps(shown) !== withoutGaps(expected)) {
        different.push(`${scene.name}\n--- shown\n${shown}--- fixture\n${expected}`);
      }
      const everything = terminal.screen({ scrollback: true, escapes: true });
      for (const part of [typedValue, typedValue.slice(0, 17), typedValue.slice(-10)]) {
        assert.equal(everything.includes(part), false, `${scene.name} shows a typed value`);
      }
    });
    assert.deepEqual(different, []);
  },
);

test('every fixture is a scene, and every scene has one', () => {
  assert.deepEqual(readdirSync(folder).toSorted(), scenes.map(({ name }) => `${name}.txt`).toSorted());
});
