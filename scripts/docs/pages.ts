/** A page of the documentation site: which document it is made from, and where it lies below `/docs/`. */
export interface Page {
  /** Relative to the repository. */
  source: string;
  /** Relative to the site: `quick-start.html`. */
  target: string;
}

export interface Section {
  title: string;
  pages: readonly Page[];
}

const doc = (name: string): Page => ({ source: `docs/${name}.md`, target: `${name}.html` });

/** The navigation, in its order. Every document of the repository is in one section, which a test sees to. */
export const sections: readonly Section[] = [
  {
    title: 'Start',
    pages: [doc('index'), doc('quick-start'), doc('first-minutes'), doc('concepts'), doc('install')],
  },
  {
    title: 'Use',
    pages: [
      doc('cli'),
      doc('console'),
      doc('providers'),
      doc('own-rules'),
      doc('sandboxes'),
      doc('external-sandboxes'),
      doc('ca-trust'),
      doc('explain'),
      doc('webhooks'),
      doc('agents'),
    ],
  },
  {
    title: 'Reference',
    pages: [doc('client'), doc('errors'), doc('egress'), doc('comparison')],
  },
  {
    title: 'Operate',
    pages: [doc('operations'), doc('performance'), doc('endurance')],
  },
  {
    title: 'Security',
    pages: [{ source: 'SECURITY.md', target: 'threat-model.html' }, doc('fuzzing')],
  },
  {
    title: 'Project',
    pages: [
      { source: 'README.md', target: 'readme.html' },
      { source: 'ARCHITECTURE.md', target: 'architecture.html' },
      { source: 'AGENTS.md', target: 'for-agents.html' },
      { source: 'CONTRIBUTING.md', target: 'contributing.html' },
      { source: 'CHANGELOG.md', target: 'changelog.html' },
      { source: 'docs/adr/README.md', target: 'adr/index.html' },
      doc('licences'),
    ],
  },
];

/** The page with the API reference, which Scalar draws. */
export const apiPage = 'api.html';

/** Where a document's page is, or null where it has none. */
export function targetOf(source: string): string | null {
  const listed = sections.flatMap(({ pages }) => pages).find((page) => page.source === source);
  if (listed !== undefined) return listed.target;
  const decision = /^docs\/adr\/(.+)\.md$/.exec(source);
  return decision === null ? null : `adr/${decision[1]}.html`;
}
