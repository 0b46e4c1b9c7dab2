import { writeFileSync } from 'node:fs';
import { normalised, playScenes } from './screens.ts';

/** `npm run screens`: plays the command line in a real terminal and writes what it showed to `fixtures/`. */
await playScenes((scene, screen) => {
  writeFileSync(new URL(`fixtures/${scene.name}.txt`, import.meta.url), `${normalised(screen)}\n`);
});
