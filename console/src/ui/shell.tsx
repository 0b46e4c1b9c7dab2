import type { ComponentChildren, JSX } from 'preact';
import { link, place } from '../state/route.ts';
import { session, signOut } from '../state/session.ts';
import { theme, themes } from '../state/theme.ts';
import type { Theme } from '../state/theme.ts';
import { useAction } from '../state/action.ts';
import { Button } from './button.tsx';
import { Icon, Logo } from './icons.tsx';
import type { IconName } from './icons.tsx';

const pages: readonly (readonly [id: string, title: string, icon: IconName])[] = [
  ['secrets', 'Secrets', 'key'],
  ['sandboxes', 'Sandboxes', 'box'],
  ['activity', 'Activity', 'activity'],
  ['settings', 'Settings', 'gear'],
];

/** The frame around every page of somebody who is signed in. */
export function Shell({ children }: { children: ComponentChildren }): JSX.Element {
  const [page = 'secrets'] = place.value.segments;
  const current = page === 'new-secret' ? 'secrets' : page;
  const who = session.value ?? undefined;
  const leave = useAction(async () => {
    await signOut();
    return 'Signed out.';
  });
  return (
    <div class="frame">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // The part behind `#` is the page's own address.
          event.preventDefault();
          document.querySelector<HTMLElement>('main')?.focus();
        }}
      >
        Skip to the content
      </a>
      <header class="side">
        <div class="brand">
          <Logo />
          Standin
        </div>
        <nav aria-label="Pages">
          <ul>
            {pages.map(([id, title, icon]) => (
              <li key={id}>
                <a href={link(id)} {...(id === current ? { 'aria-current': 'page' as const } : {})}>
                  <Icon name={icon} />
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <footer>
          <DocsLink />
          {who !== undefined && (
            <p class="who clip" title={`Team ${who.team.name}, signed in with the key ${who.key.name}`}>
              {who.team.name}
              <span class="muted"> · {who.key.name}</span>
            </p>
          )}
          <div class="row spread">
            <ThemeButton />
            <Button kind="quiet" small icon="leave" busy={leave.busy} onClick={() => void leave.run()}>
              Sign out
            </Button>
          </div>
        </footer>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

/** The documentation that this server has of itself. */
export function DocsLink(): JSX.Element {
  return (
    <a class="docs" href="/docs/">
      <Icon name="book" />
      Documentation
    </a>
  );
}

const themeIcons: Record<Theme, IconName> = { system: 'system', light: 'sun', dark: 'moon' };

export function ThemeButton(): JSX.Element {
  const { value } = theme;
  const next = themes[(themes.indexOf(value) + 1) % themes.length] ?? 'system';
  return (
    <Button
      kind="quiet"
      small
      icon={themeIcons[value]}
      iconOnly
      onClick={() => {
        theme.value = next;
      }}
    >
      {`Theme: ${value}. Change to ${next}`}
    </Button>
  );
}
