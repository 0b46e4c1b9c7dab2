import '@xterm/xterm/css/xterm.css';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { openShell } from '../../api/exec-socket.ts';
import type { Shell } from '../../api/exec-socket.ts';
import { failureOf } from '../../api/failure.ts';
import type { Failure } from '../../api/failure.ts';
import { Button } from '../../ui/button.tsx';
import { LiveTag } from '../../ui/live-tag.tsx';
import { Problem } from '../../ui/problem.tsx';
import type { ScreenProps } from './terminal.tsx';

/** Dark in both themes, as terminals are. */
const colours = {
  background: '#101114',
  foreground: '#e4e4e0',
  cursor: '#93a9ff',
  selectionBackground: '#3a4470',
  black: '#26282d',
  red: '#ff8078',
  green: '#72cf9b',
  yellow: '#eab65f',
  blue: '#8ba4ff',
  magenta: '#d69be0',
  cyan: '#6cc9d6',
  white: '#d5d5d0',
  brightBlack: '#8b8d94',
};

/** A shell in the sandbox. It ends with the page, or when it is left. */
export function TerminalScreen({ sandbox }: ScreenProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const [session, setSession] = useState(0);
  const [state, setState] = useState<{ open: boolean; ended?: string; failure?: Failure }>({ open: false });

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const terminal = new Terminal({
      theme: colours,
      fontFamily: getComputedStyle(element).fontFamily,
      fontSize: 13,
      lineHeight: 1.2,
      cursorBlink: true,
      scrollback: 10_000,
      screenReaderMode: true,
      // A link that the sandbox prints leads nowhere: what runs there is not trusted.
      linkHandler: { activate: () => undefined },
    });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(element);
    fit.fit();
    terminal.attachCustomKeyEventHandler((event) => {
      // Shift+Escape leaves the terminal: the way out for whoever uses the keyboard alone, as Tab belongs to the shell.
      if (event.key !== 'Escape' || !event.shiftKey) return true;
      document.querySelector<HTMLElement>('[data-after-terminal]')?.focus();
      return false;
    });
    setState({ open: false });
    const shell: Shell = openShell(sandbox, {
      size: { columns: terminal.cols, rows: terminal.rows },
      onOpen: () => {
        setState({ open: true });
        terminal.focus();
      },
      onOutput: (bytes, done) => terminal.write(bytes, done),
      onEnd: (code) => setState({ open: false, ended: `The shell ended with code ${code}.` }),
      onFailure: (error) => setState({ open: false, failure: failureOf(error) }),
    });
    const typed = terminal.onData((text) => shell.type(new TextEncoder().encode(text)));
    const binary = terminal.onBinary((text) => shell.type(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    const resized = terminal.onResize(({ cols, rows }) => shell.resize({ columns: cols, rows }));
    const watch = new ResizeObserver(() => fit.fit());
    watch.observe(element);
    return () => {
      watch.disconnect();
      for (const each of [typed, binary, resized]) each.dispose();
      shell.close();
      terminal.dispose();
    };
  }, [sandbox.id, session]);

  return (
    <div class="stack tight">
      <div class="row spread">
        <LiveTag
          on={state.open}
          paused={state.ended ?? (state.failure === undefined ? 'Connecting…' : 'Not connected')}
        />
        <span class="row">
          <span class="muted small">
            <kbd>Shift</kbd>+<kbd>Esc</kbd> leaves the terminal
          </span>
          <button
            type="button"
            class="button small"
            data-after-terminal=""
            onClick={() => setSession((before) => before + 1)}
          >
            New shell
          </button>
        </span>
      </div>
      <Problem failure={state.failure} />
      <div class="screen" ref={place} role="group" aria-label={`Terminal of ${sandbox.name}`} />
      {state.ended !== undefined && (
        <div>
          <Button kind="primary" icon="terminal" onClick={() => setSession((before) => before + 1)}>
            Open another shell
          </Button>
        </div>
      )}
    </div>
  );
}
