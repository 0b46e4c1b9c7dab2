import { asMessage } from './as-message.ts';
import { compareNginx } from './compare-nginx.ts';
import type { Disagreement } from './compare.ts';
import { nginxExplanations } from './explanations-nginx.ts';
import type { FuzzCase } from './fuzz-case.ts';
import type { NginxReader } from './nginx-reader.ts';
import { readOurs } from './our-reader.ts';

export interface NginxJudgement {
  disagreement: Disagreement | null;
  explained: string[];
}

const most = 40;

/** Asks nginx about a connection of requests. Where it refuses, it is asked again without what explains that. */
export async function judgeNginx(nginx: NginxReader, fuzzed: FuzzCase): Promise<NginxJudgement> {
  const explained: string[] = [];
  let asked = fuzzed;
  for (;;) {
    const ours = readOurs(asked, [asked.bytes.length]);
    const messages = ours.messages.map(asMessage);
    const disagreement = compareNginx(ours, { messages, nginx: await nginx.read(asked) });
    if (disagreement === null || explained.length >= most) return { disagreement, explained };
    const place = { messages: ours.messages, index: disagreement.message };
    let rewritten: Buffer | null = null;
    for (const { name, error, rewrite } of nginxExplanations) {
      if (!error.test(disagreement.kind)) continue;
      const bytes = rewrite(asked.bytes, place);
      if (bytes === null || bytes.equals(asked.bytes)) continue;
      rewritten = bytes;
      explained.push(name);
      break;
    }
    if (rewritten === null) return { disagreement, explained };
    asked = { side: fuzzed.side, methods: fuzzed.methods, bytes: rewritten, cuts: [] };
  }
}
