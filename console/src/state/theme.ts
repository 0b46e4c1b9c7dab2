import { effect, signal } from '@preact/signals';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const key = 'standin-theme';

/** What the person chose; `system` follows the machine. */
export const theme = signal<Theme>(stored());

/** Writes the choice where the style sheet reads it, and keeps it for the next visit. */
export function followTheme(): void {
  effect(() => {
    const { value } = theme;
    if (value === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = value;
    try {
      localStorage.setItem(key, value);
    } catch {
      // Storage is off: the choice lasts as long as the page.
    }
  });
}

function stored(): Theme {
  try {
    const found = localStorage.getItem(key);
    return themes.find((each) => each === found) ?? 'system';
  } catch {
    return 'system';
  }
}
