import type { Answer } from '../../../../src/contract/operations.ts';

export type Edge = Answer<'getActivityMap'>['edges'][number];

export const columns = ['sandbox', 'secret', 'host'] as const;
export type Column = (typeof columns)[number];

/** A name in one of the three columns, at its place. */
export interface FlowNode {
  id: string;
  column: Column;
  name: string;
  requests: number;
  refusals: number;
  y: number;
  height: number;
}

/** What went from a node to one of the next column. */
export interface FlowLink {
  from: FlowNode;
  to: FlowNode;
  requests: number;
  refusals: number;
  fromY: number;
  toY: number;
  width: number;
}

export interface Flow {
  nodes: FlowNode[];
  links: FlowLink[];
  height: number;
}

/** How many names a column shows before the rest share one. */
const mostInColumn = 14;
const gap = 10;
const shortest = 20;
const tallest = 84;

/** Places sandboxes, secrets and hosts, the busiest on top, each as tall as it is busy, and the ways between them. */
export function layOut(edges: readonly Edge[]): Flow {
  const nodes = new Map<string, FlowNode>();
  const links = new Map<string, FlowLink>();
  const folded = foldRest(edges);
  for (const { ends, requests, refusals } of folded) {
    const passed = ends.map((name, index) => {
      const column = columns[index] ?? 'host';
      const id = `${column} ${name}`;
      const node = nodes.get(id) ?? { id, column, name, requests: 0, refusals: 0, y: 0, height: 0 };
      node.requests += requests;
      node.refusals += refusals;
      nodes.set(id, node);
      return node;
    });
    for (const [index, to] of passed.entries()) {
      const from = passed[index - 1];
      if (from === undefined) continue;
      const id = `${from.id} > ${to.id}`;
      const link = links.get(id) ?? { from, to, requests: 0, refusals: 0, fromY: 0, toY: 0, width: 0 };
      link.requests += requests;
      link.refusals += refusals;
      links.set(id, link);
    }
  }
  const placed = [...nodes.values()].toSorted((a, b) => b.requests - a.requests);
  const height = Math.max(...columns.map((column) => stack(placed.filter((node) => node.column === column))));
  const ordered = [...links.values()].toSorted((a, b) => a.to.y - b.to.y);
  spread(ordered, 'from');
  spread(
    [...links.values()].toSorted((a, b) => a.from.y - b.from.y),
    'to',
  );
  return { nodes: placed, links: ordered, height };
}

interface Folded {
  ends: [sandbox: string, secret: string, host: string];
  requests: number;
  refusals: number;
}

/** Names beyond the busiest of a column become one: "and 12 more". */
function foldRest(edges: readonly Edge[]): Folded[] {
  const named = edges.map(
    ({ sandbox_name: sandbox, sandbox_id: id, secret_name: secret, host, requests, refusals }) => ({
      ends: [sandbox ?? `deleted ${id.slice(0, 8)}`, secret ?? 'no credential', host] satisfies Folded['ends'],
      requests,
      refusals,
    }),
  );
  const shown = columns.map((_column, index) => {
    const sums = new Map<string, number>();
    for (const { ends, requests } of named) sums.set(ends[index] ?? '', (sums.get(ends[index] ?? '') ?? 0) + requests);
    const names = [...sums].toSorted((a, b) => b[1] - a[1]).map(([name]) => name);
    return { kept: new Set(names.slice(0, mostInColumn)), rest: names.length - mostInColumn };
  });
  const fold = (name: string, index: number) =>
    shown[index]?.kept.has(name) === true ? name : `and ${shown[index]?.rest ?? 0} more`;
  return named.map(({ ends: [sandbox, secret, host], requests, refusals }) => ({
    ends: [fold(sandbox, 0), fold(secret, 1), fold(host, 2)],
    requests,
    refusals,
  }));
}

/** One below the other; answers how tall the column is. */
function stack(nodes: FlowNode[]): number {
  const most = Math.max(1, ...nodes.map(({ requests }) => requests));
  let y = 0;
  for (const node of nodes) {
    node.height = shortest + (tallest - shortest) * Math.sqrt(node.requests / most) * (nodes.length > 6 ? 0.5 : 1);
    node.y = y;
    y += node.height + gap;
  }
  return y - gap;
}

/** Gives each link its share of its node's edge, in order. */
function spread(links: readonly FlowLink[], end: 'from' | 'to'): void {
  const used = new Map<string, number>();
  for (const link of links) {
    const node = link[end];
    const share = Math.max(1.5, (node.height - 4) * (link.requests / node.requests));
    const y = used.get(node.id) ?? node.y + 2;
    if (end === 'from') link.fromY = y + share / 2;
    else link.toY = y + share / 2;
    link.width = end === 'from' ? share : Math.min(link.width, share);
    used.set(node.id, y + share);
  }
}
