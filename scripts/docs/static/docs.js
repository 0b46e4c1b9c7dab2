import MiniSearch from './minisearch.js';

const root = document.documentElement;
const here = new URL('.', import.meta.url);
const site = new URL('..', here);

// Theme: the system's, until a person chooses another.
const themes = ['system', 'light', 'dark'];
const themeButton = document.querySelector('#theme');
function showTheme(theme) {
  if (theme === 'system') delete root.dataset.theme;
  else root.dataset.theme = theme;
  themeButton.textContent = `Theme: ${theme}`;
}
let theme = localStorage.getItem('standin-docs-theme') ?? 'system';
showTheme(theme);
themeButton.hidden = false;
themeButton.addEventListener('click', () => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
  localStorage.setItem('standin-docs-theme', theme);
  showTheme(theme);
});

// On a narrow screen the contents are closed until they are asked for.
if (matchMedia('(max-width: 46rem)').matches) document.querySelector('.navigation').open = false;

/** Of a session at a prompt only what was typed. */
async function copy(text, button) {
  const commands = text.match(/^\$ .*$/gm)?.map((line) => line.slice(2));
  await navigator.clipboard.writeText(commands === undefined ? text : commands.join('\n'));
  button.textContent = 'Copied';
}
for (const block of document.querySelectorAll('pre')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', () => void copy(block.querySelector('code').textContent, button));
  block.append(button);
}

// Search: the index is fetched when the field is first used.
const form = document.querySelector('form[role="search"]');
const field = form.querySelector('input');
const list = form.querySelector('ul');
let index;
let chosen = -1;
form.hidden = false;

async function loadIndex() {
  index ??= fetch(new URL('search.json', here)).then(async (response) =>
    MiniSearch.loadJSON(await response.text(), {
      fields: ['title', 'page', 'text'],
      storeFields: ['title', 'page', 'url'],
    }),
  );
  return index;
}

function close() {
  list.hidden = true;
  chosen = -1;
  field.setAttribute('aria-expanded', 'false');
  field.removeAttribute('aria-activedescendant');
}

function choose(next) {
  const items = [...list.children];
  if (items.length === 0) return;
  chosen = (next + items.length) % items.length;
  for (const [position, item] of items.entries()) item.setAttribute('aria-selected', String(position === chosen));
  field.setAttribute('aria-activedescendant', items[chosen].id);
  items[chosen].scrollIntoView({ block: 'nearest' });
}

async function search() {
  const words = field.value.trim();
  if (words === '') return close();
  const found = (await loadIndex()).search(words, { prefix: true, fuzzy: 0.15, boost: { title: 3, page: 2 } });
  if (field.value.trim() !== words) return;
  list.replaceChildren(
    ...found.slice(0, 12).map((hit, position) => {
      const item = document.createElement('li');
      item.id = `found-${position}`;
      item.setAttribute('role', 'option');
      item.dataset.url = new URL(hit.url, site).href;
      item.append(hit.title);
      const page = document.createElement('small');
      page.textContent = hit.page;
      item.append(page);
      return item;
    }),
  );
  list.hidden = false;
  field.setAttribute('aria-expanded', 'true');
  if (found.length === 0) {
    const none = document.createElement('li');
    none.textContent = 'Nothing was found';
    list.append(none);
  } else choose(0);
}

field.addEventListener('focus', () => void loadIndex());
field.addEventListener('input', () => void search());
field.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') close();
  else if (event.key === 'ArrowDown') choose(chosen + 1);
  else if (event.key === 'ArrowUp') choose(chosen - 1);
  else return;
  event.preventDefault();
});
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const url = list.children[Math.max(chosen, 0)]?.dataset.url;
  if (url !== undefined) location.assign(url);
});
list.addEventListener('click', (event) => {
  const url = event.target.closest('li')?.dataset.url;
  if (url !== undefined) location.assign(url);
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.closest('input, textarea') !== null) return;
  event.preventDefault();
  field.focus();
});
document.addEventListener('click', (event) => {
  if (!form.contains(event.target)) close();
});
