import { dirname, relative } from 'node:path';
import type { Heading } from './markdown.ts';
import { apiPage } from './pages.ts';

export interface NavigationSection {
  title: string;
  pages: readonly { title: string; target: string }[];
}

export interface PageContent {
  title: string;
  target: string;
  html: string;
  headings: readonly Heading[];
  navigation: readonly NavigationSection[];
}

/** A page of the site. It needs no script: search and the switch of the theme come with one, and are hidden without. */
export function layOut(page: PageContent): string {
  const up = relative(dirname(page.target), '.') || '.';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(page.title)} · Standin</title>
<link rel="icon" href="${up}/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${up}/static/docs.css">
<script type="module" src="${up}/static/docs.js"></script>
</head>
<body>
<a class="skip" href="#content">To the content</a>
<header>
<a class="home" href="${up}/index.html">Standin</a>
<form role="search" hidden>
<input type="search" aria-label="Search the documentation" placeholder="Search" autocomplete="off"
 role="combobox" aria-expanded="false" aria-controls="found" aria-autocomplete="list">
<ul id="found" role="listbox" aria-label="What was found" hidden></ul>
</form>
<button type="button" id="theme" hidden>Theme</button>
</header>
<div class="columns">
<details class="navigation" open>
<summary>Contents</summary>
<nav aria-label="Documentation">
${navigation(page)}
</nav>
</details>
<main id="content" tabindex="-1">
${page.html}
</main>
${onThisPage(page.headings)}
</div>
</body>
</html>
`;
}

/** The page of the API reference: nothing but what Scalar needs. */
export function layOutApiPage(): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API reference · Standin</title>
<link rel="icon" href="static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="static/api.css">
<script src="static/scalar.js" defer></script>
<script type="module" src="static/api.js"></script>
</head>
<body>
<a class="back" href="index.html">Standin documentation</a>
<noscript>The reference is drawn by a script; <a href="/openapi.json">openapi.json</a> has all of it.</noscript>
<div id="reference"></div>
</body>
</html>
`;
}

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function navigation({ navigation: sections, target }: PageContent): string {
  const link = (title: string, to: string) => {
    const current = to === target ? ' aria-current="page"' : '';
    return `<li><a href="${relative(dirname(target), to)}"${current}>${escape(title)}</a></li>`;
  };
  return sections
    .map(({ title, pages }) => {
      const links = pages.map((page) => link(page.title, page.target));
      if (title === 'Reference') links.unshift(link('API reference', apiPage));
      return `<h2>${escape(title)}</h2>\n<ul>\n${links.join('\n')}\n</ul>`;
    })
    .join('\n');
}

function onThisPage(headings: readonly Heading[]): string {
  const inner = headings.filter(({ level }) => level === 2);
  if (inner.length < 2) return '';
  const links = inner.map(({ id, text }) => `<li><a href="#${id}">${escape(text)}</a></li>`);
  return `<aside aria-label="On this page"><h2>On this page</h2>\n<ul>\n${links.join('\n')}\n</ul></aside>`;
}
