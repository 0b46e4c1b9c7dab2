import type { IncomingMessage } from 'node:http';
import { operationList } from '../contract/operations.ts';
import { isNavigation, StaticSite, unbuiltPage } from './static-site.ts';
import type { StaticAnswer } from './static-site.ts';

export interface SiteOptions {
  /** The directory with the console's built files, served at `/`; absent: it is switched off. */
  console?: string;
  /** The same of the documentation, at `/docs/`. */
  docs?: string;
}

/** First segments of the API's paths: whatever is below them is its own, and is never a page. */
const apiSegments = new Set(operationList.map(([, { path }]) => path.split('/')[1]));

/** Pages for people, at paths that are none of the API's. */
export class Sites {
  readonly #console: StaticSite | null;
  readonly #docs: StaticSite | null;

  constructor(options: SiteOptions) {
    this.#console =
      options.console === undefined ? null : new StaticSite(options.console, { prefix: '/', singlePage: true });
    // The API reference is drawn by Scalar, which writes its styles into the page.
    const docs = { prefix: '/docs/', singlePage: false, stylesInline: new Set(['api.html']) };
    this.#docs = options.docs === undefined ? null : new StaticSite(options.docs, docs);
  }

  /** Null: there is no page. `dataPlaneHost`: a sandbox's own name, which has none of ours. */
  async answer(request: IncomingMessage, dataPlaneHost: boolean): Promise<StaticAnswer | null> {
    if (dataPlaneHost || (request.method !== 'GET' && request.method !== 'HEAD')) return null;
    const [path = '/'] = (request.url ?? '/').split('?');
    const segment = path.split('/')[1];
    if (apiSegments.has(segment)) return null;
    if (segment === 'docs') return (await this.#docs?.answer(request, path)) ?? null;
    if (this.#console === null) return null;
    if (!this.#console.isThere) return isNavigation(request) ? unbuiltPage(request) : null;
    return await this.#console.answer(request, path);
  }
}
