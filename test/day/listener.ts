import { judge } from './claims.ts';
import { inside } from './inside.ts';
import type { World } from './world.ts';

/** When the secret was detached; Unix time in ms. */
export interface Detached {
  asked: number;
  answered: number;
}

interface Line {
  began: number;
  ended: number;
  kind: string;
  status: string;
  code: string;
}

/** Open connections of a detached secret end within this. */
const endsWithinMs = 1000 + 250;

/** Reads what the listeners noted. Answers how many of their requests were refused, by the host that they were for. */
export async function checkListener(world: World, detached: Detached | null): Promise<Map<string, number>> {
  const { findings } = world;
  if (detached === null) throw new Error('nothing was detached');
  const { asked, answered } = detached;
  const first = await linesOf(world, 'feed');
  for (const line of first) {
    const said = JSON.stringify(line);
    if (line.kind === 'closed') {
      const late = line.ended < asked || line.ended > answered + endsWithinMs;
      judge(findings, 'refused', late && `its WebSocket ended ${line.ended - answered} ms after: ${said}`);
    } else if (line.ended < asked) {
      const well = line.kind === 'opened' || (line.kind === 'asked' && line.status === '200');
      judge(findings, 'goes_on', !well && `before it was detached: ${said}`);
    } else if (line.began >= answered) {
      judge(findings, 'refused', !isRefusal(line) && `after it was detached: ${said}`);
    }
  }
  const closed = first.filter(({ kind }) => kind === 'closed').length;
  judge(findings, 'refused', closed !== 1 && `its WebSocket ended ${closed} times`);
  const second = await linesOf(world, 'feed2');
  judge(findings, 'goes_on', second.length < 2 && 'what was attached again was not used');
  for (const line of second) {
    const well = line.kind === 'opened' || line.status === '200';
    judge(findings, 'goes_on', !well && `attached again: ${JSON.stringify(line)}`);
  }
  return new Map([['crm.example.com', [...first, ...second].filter(isRefusal).length]]);
}

function isRefusal({ kind, status, code }: Line): boolean {
  return (kind === 'asked' || kind === 'shut') && Number(status) >= 400 && code !== '-';
}

async function linesOf(world: World, file: string): Promise<Line[]> {
  const text = await inside(world, `cat ~/${file}`);
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [began, ended, kind = '', status = '', code = ''] = line.split(' ');
      return { began: Number(began), ended: Number(ended), kind, status, code };
    });
}
