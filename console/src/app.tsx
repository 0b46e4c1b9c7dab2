import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { Activity } from './pages/activity/activity.tsx';
import { NewSandbox } from './pages/sandboxes/new-sandbox.tsx';
import { Sandbox } from './pages/sandboxes/sandbox.tsx';
import { Sandboxes } from './pages/sandboxes/sandboxes.tsx';
import { NewSecret } from './pages/secrets/new-secret.tsx';
import { Secret } from './pages/secrets/secret.tsx';
import { Secrets } from './pages/secrets/secrets.tsx';
import { Settings } from './pages/settings/settings.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { link, place } from './state/route.ts';
import { findSession, session, sessionFailure } from './state/session.ts';
import { Empty, PageHead } from './ui/bits.tsx';
import { ButtonLink } from './ui/button.tsx';
import { Notices } from './ui/notices.tsx';
import { Problem } from './ui/problem.tsx';
import { Shell } from './ui/shell.tsx';

export function App(): JSX.Element {
  useEffect(() => void findSession(), []);
  return (
    <>
      <Inside />
      <Notices />
    </>
  );
}

function Inside(): JSX.Element | null {
  if (sessionFailure.value !== undefined) {
    return (
      <main class="entrance">
        <Problem failure={sessionFailure.value} retry={() => void findSession()} />
      </main>
    );
  }
  if (session.value === undefined) return null;
  if (session.value === null) return <SignIn />;
  return (
    <Shell>
      <Page />
    </Shell>
  );
}

function Page(): JSX.Element {
  const { segments } = place.value;
  const address = segments.slice(0, 2).join('/');
  // A page begins at its top, with its title read out.
  useEffect(() => {
    scrollTo(0, 0);
    const title = document.querySelector<HTMLElement>('main h1');
    document.title = title === null ? 'Standin' : `${title.textContent} · Standin`;
    title?.focus({ preventScroll: true });
  }, [address]);
  return pageAt(segments);
}

function pageAt(segments: readonly string[]): JSX.Element {
  const [page = 'secrets', id, tab] = segments;
  const part = tab === undefined ? {} : { tab };
  switch (page) {
    case 'secrets':
      return id === undefined ? <Secrets /> : <Secret key={id} name={id} {...part} />;
    // Not below `secrets`: one may be called `new`.
    case 'new-secret':
      return <NewSecret />;
    case 'sandboxes':
      if (id === undefined) return <Sandboxes />;
      return id === 'new' ? <NewSandbox /> : <Sandbox key={id} id={id} {...part} />;
    case 'activity':
      return <Activity {...(id === undefined ? {} : { tab: id })} />;
    case 'settings':
      return <Settings {...(id === undefined ? {} : { tab: id })} />;
    default:
      return (
        <>
          <PageHead title="No such page" />
          <Empty icon="search" title="Nothing is at this address">
            <ButtonLink kind="primary" href={link('secrets')}>
              Go to secrets
            </ButtonLink>
          </Empty>
        </>
      );
  }
}
