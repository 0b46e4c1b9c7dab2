import type { JSX } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';
import { plural } from '../../ui/bits.tsx';
import { useWidth } from '../../ui/use-width.ts';
import { columns, layOut } from './flow-layout.ts';
import type { Column, Edge, Flow, FlowLink, FlowNode } from './flow-layout.ts';

const titles: Record<Column, string> = { sandbox: 'Sandbox', secret: 'Secret', host: 'Host' };
const top = 26;

/** Which sandbox used which secret at which host: thickness is how often, red is what was refused. */
export function FlowMap({ edges }: { edges: readonly Edge[] }): JSX.Element {
  const figure = useRef<HTMLElement>(null);
  const width = useWidth(figure);
  const flow = useMemo(() => layOut(edges), [edges]);
  const [near, setNear] = useState<string>();
  const nodeWidth = Math.min(220, Math.max(86, width * 0.235));
  const x: Record<Column, number> = { sandbox: 0, secret: (width - nodeWidth) / 2, host: width - nodeWidth };
  const lit = near === undefined ? undefined : litBy(near, flow);
  const dimmed = (id: string) => (lit !== undefined && !lit.has(id) ? ' dim' : '');
  return (
    <figure class="card flow" ref={figure}>
      <svg
        width={width}
        height={flow.height + top + 4}
        role="group"
        aria-label="Which sandbox used which secret at which host"
      >
        {columns.map((column) => (
          <text key={column} class="column" x={x[column]} y={12}>
            {titles[column]}
          </text>
        ))}
        {flow.links.map((link) => (
          <path
            key={idOf(link)}
            class={`way${link.refusals > 0 && link.refusals === link.requests ? ' bad' : ''}${dimmed(idOf(link))}`}
            d={curve(link, x[link.from.column] + nodeWidth, x[link.to.column])}
            stroke-width={link.width}
          >
            <title>{`${link.from.name} → ${link.to.name}: ${counted(link)}`}</title>
          </path>
        ))}
        {flow.nodes.map((node) => (
          <g
            key={node.id}
            class={`node ${node.column}${dimmed(node.id)}`}
            transform={`translate(${x[node.column]} ${node.y + top})`}
            tabIndex={0}
            role="img"
            aria-label={`${titles[node.column]} ${node.name}: ${counted(node)}`}
            onPointerEnter={() => setNear(node.id)}
            onPointerLeave={() => setNear(undefined)}
            onFocus={() => setNear(node.id)}
            onBlur={() => setNear(undefined)}
          >
            <title>{`${node.name}: ${counted(node)}`}</title>
            <rect width={nodeWidth} height={node.height} rx="5" />
            {node.refusals > 0 && <rect class="refused" width="3" height={node.height} rx="1.5" />}
            <text x={10} y={node.height / 2 + 4}>
              {fitted(node, nodeWidth)}
            </text>
            {nodeWidth > 150 && (
              <text class="count" x={nodeWidth - 10} y={node.height / 2 + 4} text-anchor="end">
                {short(node.requests)}
              </text>
            )}
          </g>
        ))}
      </svg>
      <details>
        <summary>As a table</summary>
        <div class="scroll" tabIndex={0} role="group" aria-label="Who used what where, as a table">
          <table class="plain-table">
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column} scope="col">
                    {titles[column]}
                  </th>
                ))}
                <th scope="col" class="end">
                  Requests
                </th>
                <th scope="col" class="end">
                  Refused
                </th>
              </tr>
            </thead>
            <tbody>
              {edges.map((edge, index) => (
                <tr key={index}>
                  <td>{edge.sandbox_name ?? `deleted ${edge.sandbox_id}`}</td>
                  <td>{edge.secret_name ?? 'no credential'}</td>
                  <td>{edge.host}</td>
                  <td class="end">{edge.requests.toLocaleString('en')}</td>
                  <td class="end">{edge.refusals.toLocaleString('en')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

function idOf({ from, to }: FlowLink): string {
  return `${from.id} > ${to.id}`;
}

/** A node, the ways that touch it, and what is at their other ends. */
function litBy(id: string, { links }: Flow): Set<string> {
  const touching = links.filter(({ from, to }) => from.id === id || to.id === id);
  return new Set([id, ...touching.flatMap((link) => [idOf(link), link.from.id, link.to.id])]);
}

function curve({ fromY, toY }: FlowLink, from: number, to: number): string {
  const middle = (from + to) / 2;
  return `M${from} ${fromY + top} C${middle} ${fromY + top} ${middle} ${toY + top} ${to} ${toY + top}`;
}

function counted({ requests, refusals }: { requests: number; refusals: number }): string {
  return `${plural(requests, 'request')}${refusals > 0 ? `, ${refusals.toLocaleString('en')} refused` : ''}`;
}

const compactFormat = new Intl.NumberFormat('en', { notation: 'compact' });

function short(count: number): string {
  return compactFormat.format(count);
}

/** As much of the name as there is room for; a host keeps its end, which says whose it is. */
function fitted({ name, column }: FlowNode, width: number): string {
  const room = Math.max(4, Math.floor((width - (width > 150 ? 58 : 18)) / 7));
  if (name.length <= room) return name;
  return column === 'host' ? `…${name.slice(1 - room)}` : `${name.slice(0, room - 1)}…`;
}
