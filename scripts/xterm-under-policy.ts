import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const helper = fileURLToPath(new URL('../console/src/pages/sandboxes/style-sheet-element.ts', import.meta.url));

/** What xterm.js does inline, how often, and how the same is done through the CSSOM. */
const changes = [
  { from: /(?:\w+\.)+createElement\("style"\)/g, times: 3, to: 'styleSheetElement()' },
  {
    from: /(\w+)\.setAttribute\("style",`\$\{\1\.getAttribute\("style"\)\|\|""\}\$\{(\w+)\};`\)/g,
    times: 1,
    to: '$1.style.cssText+=$2+";"',
  },
];

/**
 * xterm.js writes `<style>` elements and `style` attributes, which the content security policy forbids. As it is built in,
 * each such place is rewritten; the build fails where a version of it has others.
 */
export function xtermUnderPolicy(): Plugin {
  return {
    name: 'xterm-under-policy',
    transform: {
      filter: { id: /@xterm\/xterm\/lib\/xterm\.mjs$/ },
      handler(code) {
        let changed = code;
        for (const { from, times, to } of changes) {
          const found = changed.match(from)?.length ?? 0;
          if (found !== times)
            throw new Error(`xterm.js has ${found} of ${from}, not ${times}: look at what it does now`);
          changed = changed.replaceAll(from, to);
        }
        return `import { styleSheetElement } from ${JSON.stringify(helper)};\n${changed}`;
      },
    },
  };
}
