import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useAction } from '../state/action.ts';
import { signIn } from '../state/session.ts';
import { Button } from '../ui/button.tsx';
import { Logo } from '../ui/icons.tsx';
import { Problem } from '../ui/problem.tsx';
import { SecretField } from '../ui/secret-field.tsx';
import type { SecretInput } from '../ui/secret-field.tsx';
import { DocsLink, ThemeButton } from '../ui/shell.tsx';

/** The key is exchanged for a session; nothing of it stays in the page. */
export function SignIn(): JSX.Element {
  const key = useRef<SecretInput>(null);
  const [wrong, setWrong] = useState<string>();
  const enter = useAction(async () => {
    try {
      await signIn(key.current?.take().trim() ?? '');
    } finally {
      key.current?.focus();
    }
    return 'Signed in.';
  });
  useEffect(() => {
    document.title = 'Sign in · Standin';
    key.current?.focus();
  }, []);
  return (
    <main class="entrance">
      <div>
        <div class="row spread">
          <div class="brand">
            <Logo />
            Standin
          </div>
          <ThemeButton />
        </div>
        <form
          class="card stack"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            const empty = key.current?.isEmpty() ?? true;
            setWrong(empty ? 'Paste an API key.' : undefined);
            if (!empty) void enter.run();
          }}
        >
          <h1>Sign in</h1>
          <SecretField
            label="API key"
            handle={key}
            wrong={wrong}
            hint="It is exchanged for a session of 12 hours and kept nowhere in this browser."
          />
          <Problem failure={enter.failure} />
          <Button submit kind="primary" busy={enter.busy} busyText="Signing in…">
            Sign in
          </Button>
        </form>
        <div class="entrance-help">
          <p>
            The first start of the server printed a key. On its machine, <code>standin key create</code> makes another:
          </p>
          <pre>
            <code>standin key create console</code>
          </pre>
          <DocsLink />
        </div>
      </div>
    </main>
  );
}
