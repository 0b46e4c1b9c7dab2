import { createRequire } from 'node:module';
import { dirname, join, normalize, relative } from 'node:path';
import MarkdownIt from 'markdown-it';
import { targetOf } from './pages.ts';

/** What is used of highlight.js. Its own types would bring those of a browser into the whole project. */
interface Highlighter {
  registerLanguage(name: string, language: object): void;
  getLanguage(name: string): object | undefined;
  highlight(code: string, options: { language: string }): { value: string };
}

const load = createRequire(import.meta.url);
const highlighter: Highlighter = load('highlight.js/lib/common');
const others: Record<string, string> = { console: 'shell', sh: 'bash', dockerfile: 'dockerfile' };
for (const [name, language] of Object.entries(others)) {
  highlighter.registerLanguage(name, load(`highlight.js/lib/languages/${language}`));
}

export interface Heading {
  level: number;
  id: string;
  text: string;
}

/** A heading with what stands below it, for the search. The part before the second heading is the page's own. */
export interface Passage {
  heading: Heading;
  text: string;
}

export interface RenderedDocument {
  /** Where its page lies in the site. */
  target: string;
  title: string;
  html: string;
  headings: Heading[];
  passages: Passage[];
}

/**
 * A document as the content of its page. Links to other documents lead to their pages; those to other files of the
 * repository are left as their text, since the site has none of them.
 */
export function renderDocument(text: string, { source, target }: { source: string; target: string }): RenderedDocument {
  const markdown = new MarkdownIt({ html: true, highlight });
  markdown.renderer.rules['table_open'] = () => '<div class="scroll" tabindex="0"><table>\n';
  markdown.renderer.rules['table_close'] = () => '</table></div>\n';
  const tokens = markdown.parse(withoutComments(text), {});
  const headings: Heading[] = [];
  const passages: Passage[] = [];
  const seen = new Map<string, number>();
  for (const [index, token] of tokens.entries()) {
    // The alignment of cells is an inline style, which the content security policy does not allow.
    if (token.type === 'th_open' || token.type === 'td_open') token.attrs = null;
    if (token.type === 'heading_open') {
      const inline = tokens[index + 1];
      const words = plainText(inline?.children ?? []);
      const heading = { level: Number(token.tag.slice(1)), id: slugOf(words, seen), text: words };
      token.attrSet('id', heading.id);
      headings.push(heading);
      passages.push({ heading, text: '' });
    } else if (token.type === 'inline') {
      const passage = passages.at(-1);
      const isHeading = tokens[index - 1]?.type === 'heading_open';
      if (passage !== undefined && !isHeading) passage.text += `${plainText(token.children ?? [])} `;
      leadLinks(token.children ?? [], { source, target });
    }
  }
  return {
    target,
    title: headings[0]?.text ?? source,
    html: markdown.renderer.render(tokens, markdown.options, {}),
    headings,
    passages,
  };
}

type Token = ReturnType<InstanceType<typeof MarkdownIt>['parse']>[number];

function highlight(code: string, language: string): string {
  return highlighter.getLanguage(language) === undefined ? '' : highlighter.highlight(code, { language }).value;
}

/** Comments are for the tools that make the document. */
function withoutComments(text: string): string {
  return text.replaceAll(/^<!--.*?-->\n/gm, '');
}

function plainText(tokens: readonly Token[]): string {
  return tokens.map(({ type, content }) => (type === 'softbreak' ? ' ' : content)).join('');
}

/** As the forges name them, so that links to headings work in both places. */
function slugOf(words: string, seen: Map<string, number>): string {
  const slug = words
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
  const times = seen.get(slug) ?? 0;
  seen.set(slug, times + 1);
  return times === 0 ? slug : `${slug}-${times}`;
}

function leadLinks(tokens: Token[], page: { source: string; target: string }): void {
  let dropped = false;
  for (const token of tokens) {
    if (token.type === 'link_open') {
      const led = leadLink(String(token.attrGet('href')), page);
      dropped = led === null;
      if (led === null) {
        token.type = 'text';
        token.content = '';
        token.tag = '';
      } else token.attrSet('href', led);
    } else if (token.type === 'link_close' && dropped) {
      token.type = 'text';
      token.content = '';
      token.tag = '';
      dropped = false;
    } else if (token.type === 'image') {
      token.attrSet('src', fromPage(page.target, normalize(join(dirname(page.source), String(token.attrGet('src'))))));
    }
  }
}

/** Pictures lie below `docs/img` and in the site's `img`. */
function fromPage(target: string, source: string): string {
  return relative(dirname(target), source.replace(/^docs\//, ''));
}

function leadLink(href: string, { source, target }: { source: string; target: string }): string | null {
  if (/^[a-z]+:/.test(href) || href.startsWith('#')) return href;
  const [path = '', fragment] = href.split('#', 2);
  const file = normalize(join(dirname(source), path)).replace(/\/$/, '');
  if (file === 'openapi.json') return '/openapi.json';
  if (file === 'docs') return relative(dirname(target), 'index.html');
  const goal = targetOf(file === 'docs/adr' ? 'docs/adr/README.md' : file);
  if (goal === null) return null;
  return `${relative(dirname(target), goal)}${fragment === undefined ? '' : `#${fragment}`}`;
}
